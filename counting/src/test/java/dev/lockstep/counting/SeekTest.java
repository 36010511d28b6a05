package dev.lockstep.counting;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.counting.SeekResult.Missed;
import dev.lockstep.counting.SeekResult.Refused;
import dev.lockstep.counting.SeekResult.Why;
import dev.lockstep.counting.model.ModelledPmu;
import dev.lockstep.counting.model.PmuFaults;
import dev.lockstep.counting.model.SkidShape;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VcpuExit;
import org.junit.jupiter.api.Test;

/** What a seek says when it does not come to its point, and that it always says something. */
final class SeekTest {
  private static final String LOOP = "mov r8d, 9000000\na:\nadd rdx, r8\nb:\ndec r8d\njnz a\nhlt\n";
  private static final CounterLimits LIMITS = new CounterLimits(100, 1, false);

  /** The boundary at label b, behind that many branches. */
  private static ExecutionPoint at(long count) {
    return at(LOOP, count, "b");
  }

  private static ExecutionPoint at(String source, long count, String label) {
    try (SeekGuest.Machine scout = SeekGuest.of(source).boot(BranchSemantics.CONDITIONAL)) {
      if (count > 0) {
        scout.vcpu.run(count);
      }
      while (scout.vcpu.point().rip() != scout.at(label)) {
        scout.vcpu.step();
      }
      return scout.vcpu.point();
    }
  }

  private static SeekResult seek(PmuFaults faults, ExecutionPoint target) {
    return seek(LOOP, faults, target);
  }

  private static SeekResult seek(String source, PmuFaults faults, ExecutionPoint target) {
    try (SeekGuest.Machine machine = SeekGuest.of(source).boot(BranchSemantics.CONDITIONAL);
        ModelledPmu pmu =
            new ModelledPmu(machine.vcpu, machine::read, faults, LIMITS, ExcessTable.NONE)) {
      Seek seek = new Seek(pmu, target, SkidPolicy.of(LIMITS));
      SeekResult result = seek.advance();
      if (!(result instanceof SeekResult.Exited)) {
        assertThatThrownBy(seek::advance).isInstanceOf(IllegalStateException.class);
      }
      if (result == SeekResult.Reached.REACHED) {
        assertThat(pmu.truth()).isEqualTo(target);
      }
      return result;
    }
  }

  @Test
  void aCounterThatStopsIsNoticed() {
    for (long stopsAfter : new long[] {0, 1, 999_000, 999_899, 999_900, 999_990, 999_999}) {
      SeekResult result =
          seek(
              PmuFaults.none(7).withSkid(80, SkidShape.UNIFORM, 10).stoppingAfter(stopsAfter),
              at(1_000_000));
      assertThat(result).as("stops after %d", stopsAfter).isInstanceOf(Refused.class);
      assertThat(((Refused) result).reason()).contains("the count has stayed at");
    }
    assertThat(seek(PmuFaults.none(7).stoppingAfter(1_000_000), at(1_000_000)))
        .as("it counted as far as it had to")
        .isEqualTo(SeekResult.Reached.REACHED);
  }

  @Test
  void anOverflowPastTheBoundIsAnOvershoot() {
    PmuFaults late = PmuFaults.none(3).withSkid(400, SkidShape.WORST, 0);
    Missed missed = (Missed) seek(late, at(50_000));
    assertThat(missed.why()).isEqualTo(Why.OVERSHOT);
    assertThat(missed.at().branchCount()).isEqualTo(50_000 - 101 + 400);
    assertThat(missed.advice()).contains("400 branches late", "the margin is 800", "checkpoint");
  }

  @Test
  void landingInTheTargetsOwnStretchIsAnOvershoot() {
    // The overflow lands right behind the 50,000th branch, two instructions before the point: it
    // might as well be a later boundary of the same name.
    PmuFaults late = PmuFaults.none(3).withSkid(101, SkidShape.WORST, 0);
    Missed missed = (Missed) seek(late, at(50_000));
    assertThat(missed.why()).isEqualTo(Why.OVERSHOT);
    assertThat(missed.at().branchCount()).isEqualTo(50_000);
  }

  @Test
  void aPeriodThatIsIgnoredIsAnOvershootOrIsReopened() {
    PmuFaults ignored = PmuFaults.none(3).withPeriods(1, true);
    CounterLimits reopening = new CounterLimits(100, 1, true);
    for (CounterLimits limits : new CounterLimits[] {LIMITS, reopening}) {
      try (SeekGuest.Machine machine = SeekGuest.of(LOOP).boot(BranchSemantics.CONDITIONAL);
          ModelledPmu pmu =
              new ModelledPmu(machine.vcpu, machine::read, ignored, limits, ExcessTable.NONE)) {
        SkidPolicy policy = SkidPolicy.of(limits);
        // Leaves a period of some 900,000 half way through.
        pmu.runFree(1_000_000);
        SeekResult first = new Seek(pmu, at(pmu.branchCount() + 20_000), policy).advance();
        if (limits.reopensToArm()) {
          assertThat(first).isEqualTo(SeekResult.Reached.REACHED);
        } else {
          assertThat(first)
              .isInstanceOfSatisfying(
                  Missed.class, m -> assertThat(m.why()).isEqualTo(Why.OVERSHOT));
          assertThat(policy.margin()).isGreaterThan(20_000);
        }
      }
    }
  }

  @Test
  void whatIsNotThereIsAbsentAndWhatIsPastIsBehind() {
    ExecutionPoint point = at(5_000);
    ExecutionPoint other =
        new ExecutionPoint(point.branchCount(), point.rip(), point.rcx(), point.digest() ^ 1);
    assertThat(((Missed) seek(PmuFaults.none(1), other)).why()).isEqualTo(Why.ABSENT);
    assertThat(((Missed) seek(PmuFaults.none(1).withoutBreakpoints(), other)).why())
        .isEqualTo(Why.ABSENT);
    try (SeekGuest.Machine machine = SeekGuest.of(LOOP).boot(BranchSemantics.CONDITIONAL);
        ModelledPmu pmu =
            new ModelledPmu(
                machine.vcpu, machine::read, PmuFaults.none(1), LIMITS, ExcessTable.NONE)) {
      pmu.runFree(6_000);
      assertThat(((Missed) new Seek(pmu, point, SkidPolicy.of(LIMITS)).advance()).why())
          .isEqualTo(Why.BEHIND);
    }
  }

  @Test
  void withoutADigestNothingIsGuessed() {
    ExecutionPoint point = at(5_000);
    SeekResult result =
        seek(PmuFaults.none(1), new ExecutionPoint(5_000, point.rip(), point.rcx()));
    assertThat(((Refused) result).reason()).contains("has no register digest");
  }

  @Test
  void exitsBehindThePointAreNotHandedOut() {
    String source = "mov r8d, 5000\na:\nadd rdx, r8\nb:\ndec r8d\njnz a\nout 0x80, al\nhlt\n";
    PmuFaults late = PmuFaults.none(3).withSkid(100_000, SkidShape.WORST, 0);
    assertThat(seek(source, late, at(source, 4_000, "b")))
        .isInstanceOfSatisfying(
            Missed.class, missed -> assertThat(missed.why()).isEqualTo(Why.OVERSHOT));
    assertThat(seek(source, PmuFaults.none(3), new ExecutionPoint(9_000, 1, 1, 1)))
        .as("before it they are")
        .isInstanceOfSatisfying(
            SeekResult.Exited.class,
            exited -> assertThat(exited.exit()).isInstanceOf(VcpuExit.PortWrite.class));
  }

  @Test
  void aLoopWithoutCountedBranchEndsTheSeek() {
    String source = "mov ecx, 9\nnop\na:\njmp a\nb:\nhlt\n";
    ExecutionPoint there = at(source, 0, "a");
    // The same place with a smaller RCX, which a repeated string would come to.
    ExecutionPoint never = new ExecutionPoint(0, there.rip(), 3, there.digest());
    ExecutionPoint behind = new ExecutionPoint(0, there.rip() + 5, 9, there.digest());
    for (ExecutionPoint target : new ExecutionPoint[] {never, behind}) {
      assertThat(seek(source, PmuFaults.none(1), target))
          .as("%s", target)
          .isInstanceOfSatisfying(
              Refused.class,
              refused -> assertThat(refused.reason()).contains("loops without a branch"));
    }
  }

  @Test
  void aLongRepeatedStringIsNoStandstill() {
    String source = "mov edi, 0x200000\nmov ecx, 1500000\nrep stosb\nb:\nnop\nhlt\n";
    assertThat(seek(source, PmuFaults.none(1).withoutBreakpoints(), at(source, 0, "b")))
        .isEqualTo(SeekResult.Reached.REACHED);
  }
}
