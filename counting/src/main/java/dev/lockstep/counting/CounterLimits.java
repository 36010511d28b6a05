package dev.lockstep.counting;

/**
 * How a counter's overflow behaves, as calibration found it.
 *
 * @param skidBound branches that the guest may go on past an armed count, at most (as far as was ever seen)
 * @param minimumPeriod the shortest distance that can be armed; shorter ones are rounded up to it
 * @param reopensToArm whether a new period must be armed by {@link CounterDevice#reopen}
 */
public record CounterLimits(long skidBound, long minimumPeriod, boolean reopensToArm) {
  /** An overflow stops the guest exactly. */
  public static final CounterLimits EXACT = new CounterLimits(0, 1, false);

  /** Checks ranges. */
  public CounterLimits {
    if (skidBound < 0 || minimumPeriod < 1) {
      throw new IllegalArgumentException(
          "skid bound %d must not be negative, minimum period %d must be positive"
              .formatted(skidBound, minimumPeriod));
    }
  }
}
