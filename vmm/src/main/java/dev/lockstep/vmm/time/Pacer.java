package dev.lockstep.vmm.time;

/**
 * Keeps a live machine's virtual time near the host's: says, at each boundary, whether to write a clock entry, to wait, or
 * to give up what was lost. Free of clocks: every call is told the host's monotonic time.
 */
public abstract class Pacer {
  /** Behind by more than this (the host was suspended, say), the difference is given up. */
  public static final long LOST_NANOS = 5_000_000_000L;

  /** What to do. Nothing: all fields zero. */
  public static final class Decision {
    long stepNanos;
    long pace;
    long waitNanos;
    long lostNanos;

    void clear() {
      stepNanos = 0;
      pace = 0;
      waitNanos = 0;
      lostNanos = 0;
    }

    /** Virtual time to add by a clock entry; with {@link #pace} 0 there is no entry. */
    public long stepNanos() {
      return stepNanos;
    }

    /** The entry's pace, or 0 for no entry. */
    public long pace() {
      return pace;
    }

    /** How long the vCPU should wait, in host nanoseconds. */
    public long waitNanos() {
      return waitNanos;
    }

    /** What was given up: the wall clock must be stepped by it. */
    public long lostNanos() {
      return lostNanos;
    }
  }

  /** The one decision of this pacer, overwritten by each. */
  final Decision decision = new Decision();

  private long hostBase;
  private long virtualBase;

  /** Begins anew: now both clocks are together. */
  public void anchor(long hostNanos, long virtualNanos) {
    hostBase = hostNanos;
    virtualBase = virtualNanos;
  }

  /** What virtual time should be. */
  public final long virtualAt(long hostNanos) {
    return virtualBase + (hostNanos - hostBase);
  }

  /** When virtual time should be there. */
  public final long hostAt(long virtualNanos) {
    long ahead = virtualNanos - virtualBase;
    return ahead > Long.MAX_VALUE / 2 ? Long.MAX_VALUE / 2 : hostBase + ahead;
  }

  /** Gives up what virtual time is behind. */
  final void giveUp(long behindNanos) {
    decision.lostNanos = behindNanos;
    hostBase += behindNanos;
  }

  /** The vCPU begins to run (or goes on after it waited): time until the next {@link #decide} is spent in the guest. */
  public abstract void running(long hostNanos, long count);

  /**
   * Decides at a boundary of a running guest.
   *
   * @param hostNanos now
   * @param virtualNanos virtual time now
   * @param count branch count now
   * @param pace the clock's present pace
   * @return valid until the next call
   */
  public abstract Decision decide(long hostNanos, long virtualNanos, long count, long pace);

  /** How far the count should go until the next boundary. */
  public abstract long boundaryBranches();

  /**
   * The same for somebody who wants one within that time, as far as this engine's boundaries are cheap enough for it.
   *
   * @param nanos host time, positive
   */
  public long boundaryBranches(long nanos) {
    return boundaryBranches();
  }

  /**
   * About how many branches the guest executes in that time: how far it is promised that nothing happens to it. Whoever waits for that waits no longer for an engine whose boundaries are dear.
   *
   * @param nanos host time, positive
   */
  public long branchesIn(long nanos) {
    return boundaryBranches(nanos);
  }
}
