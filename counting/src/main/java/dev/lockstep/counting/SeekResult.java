package dev.lockstep.counting;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VcpuExit;

/** How far a {@link Seek} came. */
public sealed interface SeekResult {
  /** The guest stands at the point, before whatever is queued for it is delivered. */
  enum Reached implements SeekResult {
    REACHED
  }

  /**
   * An exit on the way. The caller answers it and calls {@link Seek#advance} again.
   *
   * @param exit the vCPU's own view, overwritten by its next exit
   */
  record Exited(VcpuExit exit) implements SeekResult {}

  /**
   * The point was not met, and this execution will not come to it any more.
   *
   * @param why what went wrong
   * @param at where the guest stands
   * @param advice what the caller can do
   */
  record Missed(Why why, ExecutionPoint at, String advice) implements SeekResult {}

  /**
   * The point cannot be sought, or not with this counter. The guest may have moved.
   *
   * @param reason what stands against it, with numbers
   * @param advice what the caller can do
   */
  record Refused(String reason, String advice) implements SeekResult {}

  /** Why a point was missed. */
  enum Why {
    /** The guest stood past it when the seek began. Restore an earlier checkpoint. */
    BEHIND,

    /** The overflow came too late. Restore the last checkpoint and seek again: the skid policy has a larger margin now. */
    OVERSHOT,

    /** Every boundary that could have been it was looked at, and none was: this execution differs from the one that the point was named in. A larger margin does not help. */
    ABSENT
  }
}
