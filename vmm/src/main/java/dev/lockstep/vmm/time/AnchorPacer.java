package dev.lockstep.vmm.time;

/**
 * The pacer of an engine without a counter ({@link dev.lockstep.engine.BranchSemantics#ANCHORS}): virtual time stands nearly still from one exit of the guest to the next, and is brought to the host's at each by a clock
 * entry, unless the difference is too small for a guest to care.
 */
public final class AnchorPacer extends Pacer {
  /** How far virtual time may be behind at an anchor. A guest that polls a clock sees it stand still for as long. */
  public static final long MAX_BEHIND_NANOS = 100_000;

  /** How far virtual time may be ahead before the vCPU waits. */
  public static final long MAX_AHEAD_NANOS = 2_000_000;

  @Override
  public void running(long hostNanos, long count) {
    // Nothing is measured: the time between two exits says nothing of the next ones.
  }

  @Override
  public Decision decide(long hostNanos, long virtualNanos, long count, long pace) {
    long behind = virtualAt(hostNanos) - virtualNanos;
    decision.clear();
    if (behind > LOST_NANOS) {
      giveUp(behind);
    } else if (behind > MAX_BEHIND_NANOS) {
      decision.stepNanos = behind;
      decision.pace = pace;
    } else if (behind < -MAX_AHEAD_NANOS) {
      decision.waitNanos = -behind;
    }
    return decision;
  }

  @Override
  public long boundaryBranches() {
    return 1;
  }
}
