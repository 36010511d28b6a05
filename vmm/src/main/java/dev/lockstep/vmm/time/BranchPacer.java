package dev.lockstep.vmm.time;

/**
 * The pacer of an engine that counts branches: time goes by the count, with a pace.
 *
 * <p>The pace is set a little below what the host was seen to do, so that virtual time falls behind slowly and is brought
 * back by a step now and then: to wait would waste the CPU, and each correction is an entry in the log.
 */
public final class BranchPacer extends Pacer {
  /** How far virtual time may be behind before it is stepped. */
  public static final long MAX_BEHIND_NANOS = 10_000_000;

  /** The largest step. Timers are late by as much. */
  public static final long MAX_STEP_NANOS = 20_000_000;

  /** How far virtual time may be ahead before the vCPU waits. */
  public static final long MAX_AHEAD_NANOS = 2_000_000;

  /** How much slower than measured the pace is set, in percent. */
  private static final int SLACK_PERCENT = 3;

  /** How long a measurement of the pace takes at least. */
  private static final long MEASURED_NANOS = 1_000_000;

  /** Over how many branches: the first that a cold host executes takes it milliseconds, and says nothing of those that follow. */
  private static final long MEASURED_BRANCHES = 1 << 10;

  /** The weight of a new measurement is one part in this many. */
  private static final int SMOOTHING = 8;

  /** Boundaries are never closer than this. */
  private static final long MIN_CLOSE_BRANCHES = 1 << 10;

  private final boolean close;
  private final long boundaryNanos;
  private final long minBranches;
  private final long maxBranches;
  private final long maxPromised;
  private double measuredPace;
  private boolean measuring;
  private long measureHost;
  private long measureCount;

  private BranchPacer(
      boolean close, long boundaryNanos, long minBranches, long maxBranches, long maxPromised) {
    this.close = close;
    this.boundaryNanos = boundaryNanos;
    this.minBranches = minBranches;
    this.maxBranches = maxBranches;
    this.maxPromised = maxPromised;
  }

  /**
   * With boundaries of about 2 ms, but never long: a guest that turns from its fastest code to its slowest may be late by one. What is promised to a backup may be longer: each promise wakes a thread on either side, which
   * costs far more than a boundary, and translated code may execute the branches of a boundary in 0.15 ms.
   */
  public static BranchPacer withFrequentBoundaries() {
    return new BranchPacer(true, 2_000_000, 1L << 12, 1L << 15, 1L << 20);
  }

  /** With boundaries of about 8 ms, for an engine to which each costs much: a hardware counter's replay must find it again. */
  public static BranchPacer withRareBoundaries() {
    return new BranchPacer(false, 8_000_000, 1L << 16, 1L << 23, 1L << 23);
  }

  @Override
  public void anchor(long hostNanos, long virtualNanos) {
    super.anchor(hostNanos, virtualNanos);
    measuring = false;
  }

  @Override
  public void running(long hostNanos, long count) {
    measuring = true;
    measureHost = hostNanos;
    measureCount = count;
  }

  @Override
  public Decision decide(long hostNanos, long virtualNanos, long count, long pace) {
    long behind = virtualAt(hostNanos) - virtualNanos;
    boolean ahead = behind < -MAX_AHEAD_NANOS;
    measure(hostNanos, count, ahead);
    decision.clear();
    if (behind > LOST_NANOS) {
      giveUp(behind);
    } else if (behind > MAX_BEHIND_NANOS) {
      decision.stepNanos = Math.min(behind, MAX_STEP_NANOS);
      decision.pace = wantedPace(pace);
    } else if (ahead) {
      decision.waitNanos = -behind;
      if (wantedPace(pace) < pace - pace / 16) {
        decision.pace = wantedPace(pace);
      }
    }
    return decision;
  }

  @Override
  public long boundaryBranches(long nanos) {
    long usual = boundaryBranches();
    return nanos >= boundaryNanos || !close ? usual : branchesIn(nanos);
  }

  @Override
  public long branchesIn(long nanos) {
    long usual = boundaryBranches();
    if (measuredPace == 0) {
      return usual;
    }
    long wanted = (long) (nanos * VirtualClock.ONE_NANO / measuredPace);
    long most = nanos >= boundaryNanos ? maxPromised : usual;
    return Math.min(most, Math.max(wanted, MIN_CLOSE_BRANCHES));
  }

  @Override
  public long boundaryBranches() {
    if (measuredPace == 0) {
      return minBranches;
    }
    return Math.clamp(
        (long) (boundaryNanos * VirtualClock.ONE_NANO / measuredPace), minBranches, maxBranches);
  }

  /**
   * Takes a measurement of the run that ends now.
   *
   * @param waits the vCPU is about to wait, which ends every run: a short one must count then, or a pace that a slow start
   *     set far too high would never be seen to be wrong, and the guest would sleep for ever between short runs
   */
  private void measure(long hostNanos, long count, boolean waits) {
    long branches = count - measureCount;
    boolean few = hostNanos - measureHost < MEASURED_NANOS || branches < MEASURED_BRANCHES;
    if (measuring && !waits && few) {
      return;
    }
    if (measuring && branches > 0) {
      double now = (double) (hostNanos - measureHost) * VirtualClock.ONE_NANO / branches;
      if (measuredPace == 0) {
        // What is seen first is a host that has just begun. Were it believed, the guest would sleep
        // for what its next branches are taken to need.
        measuredPace = Math.min(now, (double) MAX_STEP_NANOS * VirtualClock.ONE_NANO / minBranches);
      } else if (now < measuredPace / 2) {
        // A host that turns out to be much faster is believed at once: too high a pace makes the
        // guest sleep.
        measuredPace = now;
      } else if (now < measuredPace || !few) {
        measuredPace += (now - measuredPace) / SMOOTHING;
      }
    }
    running(hostNanos, count);
  }

  private long wantedPace(long present) {
    if (measuredPace == 0) {
      return present;
    }
    long wanted = (long) (measuredPace * (100 - SLACK_PERCENT) / 100);
    return Math.clamp(wanted, 1, VirtualClock.MAX_PACE);
  }
}
