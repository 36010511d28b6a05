package dev.lockstep.counting;

/**
 * How far before a target the overflow is armed. Starts at what calibration found and grows each time that was not enough, so that a seek that was overshot can be tried again from the last checkpoint. One for each counter,
 * by whichever vCPU it counts; what it learnt stays. Any thread.
 */
public final class SkidPolicy {
  /** Past this the way is gone by breakpoint and steps alone, which no skid can spoil. */
  static final long MAX_MARGIN = 1L << 32;

  private long margin;
  private int overshoots;

  private SkidPolicy(long margin) {
    this.margin = margin;
  }

  /** The margin for a counter: its skid bound, and what a period that is too short is rounded up by. */
  public static SkidPolicy of(CounterLimits limits) {
    return new SkidPolicy(limits.skidBound() + limits.minimumPeriod());
  }

  /** Branches before the target at which the overflow is armed. */
  public synchronized long margin() {
    return margin;
  }

  /** How often the margin was not enough. */
  public synchronized int overshoots() {
    return overshoots;
  }

  /**
   * An overflow was seen so many branches past where it was armed, too late to stop before the target.
   *
   * @return what changed, for the log
   */
  public synchronized String overshot(long skid) {
    long before = margin;
    overshoots++;
    margin = Math.min(MAX_MARGIN, Math.max(2 * margin, 2 * Math.max(skid, 1)));
    return "an overflow came %,d branches late; the margin is %,d branches instead of %,d from now on"
        .formatted(skid, margin, before);
  }
}
