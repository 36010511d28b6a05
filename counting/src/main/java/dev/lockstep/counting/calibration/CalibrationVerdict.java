package dev.lockstep.counting.calibration;

import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import java.util.List;

/** What came of a calibration. */
public sealed interface CalibrationVerdict {
  /**
   * The counter is exact with these constants.
   *
   * @param limits how its overflows behave
   * @param excess what to subtract
   */
  record Exact(CounterLimits limits, ExcessTable excess) implements CalibrationVerdict {}

  /**
   * The counter must not be used.
   *
   * @param reasons each in a sentence, with numbers
   */
  record Refused(List<String> reasons) implements CalibrationVerdict {
    /** Copies. */
    public Refused {
      reasons = List.copyOf(reasons);
    }
  }
}
