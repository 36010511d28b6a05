package dev.lockstep.counting.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.Transition;
import dev.lockstep.counting.model.Excess;
import dev.lockstep.counting.model.PmuFaults;
import dev.lockstep.counting.model.SkidShape;
import dev.lockstep.engine.BranchSemantics;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Calibration finds every fault of a modelled PMU, and takes what can be made exact. */
final class CalibrationTest {
  private static final PmuFaults PLAIN = PmuFaults.none(11).withSkid(60, SkidShape.SHORT, 8);

  /** Small: a model whose guest must be followed step by step is slow. */
  private static final Calibration.Extent EXTENT = new Calibration.Extent(1_000, 60, 20, 30);

  private static CalibrationReport calibrate(PmuFaults faults) {
    return calibrate(faults, BranchSemantics.CONDITIONAL);
  }

  private static CalibrationReport calibrate(PmuFaults faults, BranchSemantics semantics) {
    try (ModelledSubject subject = new ModelledSubject(faults, semantics)) {
      return Calibration.run(subject, EXTENT, 100, 5);
    }
  }

  private static CalibrationVerdict.Exact exact(CalibrationReport report) {
    assertThat(report.verdict())
        .as(String.join("\n", report.lines()))
        .isInstanceOf(CalibrationVerdict.Exact.class);
    return (CalibrationVerdict.Exact) report.verdict();
  }

  private static List<String> refused(CalibrationReport report) {
    assertThat(report.verdict())
        .as(String.join("\n", report.lines()))
        .isInstanceOf(CalibrationVerdict.Refused.class);
    return ((CalibrationVerdict.Refused) report.verdict()).reasons();
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void aGoodCounterIsExact(BranchSemantics semantics) {
    CalibrationReport report = calibrate(PLAIN, semantics);
    CalibrationVerdict.Exact exact = exact(report);
    assertThat(exact.excess()).isEqualTo(ExcessTable.NONE);
    assertThat(exact.limits().skidBound()).isEqualTo(100);
    assertThat(exact.limits().reopensToArm()).isFalse();
    assertThat(exact.limits().minimumPeriod()).isEqualTo(1);
    assertThat(report.lines()).anyMatch(line -> line.startsWith("exact: skid bound 100"));
  }

  @Test
  void constantExcessOfWhatIsSeenGoesIntoTheTable() {
    CalibrationVerdict.Exact exact =
        exact(
            calibrate(
                PLAIN
                    .withExcess(Transition.EXIT, Excess.of(2))
                    .withExcess(Transition.INJECTION, Excess.of(-1))));
    assertThat(exact.excess().perTransition())
        .isEqualTo(Map.of(Transition.EXIT, 2L, Transition.INJECTION, -1L));
  }

  @ParameterizedTest
  @EnumSource(Transition.class)
  void varyingExcessIsRefused(Transition kind) {
    CalibrationReport report = calibrate(PLAIN.withExcess(kind, new Excess(0, 3)));
    assertThat(refused(report)).anyMatch(reason -> reason.contains("varies from"));
    assertThat(report.lines()).anyMatch(line -> line.contains("####"));
  }

  @ParameterizedTest
  @EnumSource(
      value = Transition.class,
      names = {"KERNEL_EXIT", "EXCEPTION", "SYSTEM_CALL", "FAR_TRANSFER"})
  void excessInsideTheGuestIsRefusedUnlessACompanionMeasuresIt(Transition kind) {
    PmuFaults faults = PLAIN.withExcess(kind, Excess.of(1));
    assertThat(refused(calibrate(faults)))
        .anyMatch(
            reason -> reason.contains("nobody can see each of them") || reason.contains("varies"));
    assertThat(exact(calibrate(faults.withCompanion())).excess()).isEqualTo(ExcessTable.NONE);
    exact(calibrate(PLAIN.withExcess(kind, new Excess(0, 3)).withCompanion()));
  }

  @Test
  void longSkidIsMeasured() {
    CalibrationVerdict.Exact exact =
        exact(calibrate(PmuFaults.none(3).withSkid(10_000, SkidShape.UNIFORM, 0)));
    assertThat(exact.limits().skidBound()).isBetween(8_000L, 12_500L);
  }

  @Test
  void roundedPeriodsGiveAMinimum() {
    CalibrationVerdict.Exact exact =
        exact(
            calibrate(PmuFaults.none(3).withSkid(20, SkidShape.WORST, 0).withPeriods(100, false)));
    assertThat(exact.limits().minimumPeriod()).isEqualTo(128);
  }

  @Test
  void aPeriodThatBeginsLateIsArmedByReopening() {
    assertThat(exact(calibrate(PLAIN.withPeriods(1, true))).limits().reopensToArm()).isTrue();
  }

  @Test
  void signalsForNothingAreCountedAndDoNoHarm() {
    CalibrationReport report = calibrate(PLAIN.withSignals(0, 3, 4));
    exact(report);
    assertThat(report.early()).isPositive();
  }

  @Test
  void aCounterThatStopsIsRefused() {
    for (long events : new long[] {0, 60_000}) {
      assertThat(refused(calibrate(PLAIN.stoppingAfter(events))))
          .as("stops after %d", events)
          .isNotEmpty();
    }
  }
}
