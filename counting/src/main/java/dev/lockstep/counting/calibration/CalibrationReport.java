package dev.lockstep.counting.calibration;

import java.util.ArrayList;
import java.util.List;

/**
 * Everything that a calibration saw.
 *
 * @param verdict what follows
 * @param measurements one for each experiment, in order
 * @param skid branches that overflows came late; may be without a sample
 * @param early overflows or other signals that came before the armed count
 */
public record CalibrationReport(
    CalibrationVerdict verdict, List<Measurement> measurements, Histogram skid, long early) {
  private static final int ROWS = 12;

  /**
   * What one experiment added to the counter.
   *
   * @param what was done each round, for people
   * @param rounds in each repetition
   * @param extra events of all the rounds together, less what they hold; one sample a repetition
   */
  public record Measurement(String what, long rounds, Histogram extra) {
    /** Events that each round adds, if it is the same number each time; meaningless unless {@link #isConstant}. */
    public long each() {
      return extra.min() / rounds;
    }

    /** Whether every round adds the same. */
    public boolean isConstant() {
      return extra.isConstant() && extra.min() % rounds == 0;
    }

    /** One line. */
    public String line() {
      return isConstant()
          ? "%-26s %+d a round, always".formatted(what, each())
          : "%-26s varies: %+,d to %+,d in %,d rounds"
              .formatted(what, extra.min(), extra.max(), rounds);
    }
  }

  /** Copies. */
  public CalibrationReport {
    measurements = List.copyOf(measurements);
  }

  /** The report for people, a line each. */
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    for (Measurement measurement : measurements) {
      lines.add(measurement.line());
      if (!measurement.isConstant()) {
        measurement.extra().lines(ROWS).forEach(line -> lines.add("  " + line));
      }
    }
    if (skid.samples() > 0) {
      lines.add(
          "skid of %,d overflows: median %,d, 99%% within %,d, at most %,d branches; %,d early"
              .formatted(
                  skid.samples(), skid.perMille(500), skid.perMille(990), skid.max(), early));
      skid.lines(ROWS).forEach(line -> lines.add("  " + line));
    }
    switch (verdict) {
      case CalibrationVerdict.Exact exact ->
          lines.add(
              "exact: skid bound %,d, minimum period %,d, %s, subtracted: %s"
                  .formatted(
                      exact.limits().skidBound(),
                      exact.limits().minimumPeriod(),
                      exact.limits().reopensToArm() ? "armed by reopening" : "armed by its period",
                      exact.excess().perTransition()));
      case CalibrationVerdict.Refused refused ->
          refused.reasons().forEach(reason -> lines.add("refused: " + reason));
    }
    return lines;
  }
}
