package dev.lockstep.vmm.machine;

import org.jspecify.annotations.Nullable;

/**
 * The log of a primary that its backup follows freely: entries come with their places. Outputs are compared apart from their points, so an output entry that was taken is fulfilled later, in the order in which they were taken.
 *
 * <p>Called on the vCPU's thread, like {@link LogSource}; none of it blocks.
 */
public interface FreeLogSource extends LogSource {
  /** As {@link #peek}, with its place. */
  @Nullable PlacedEntry next();

  /** The primary's virtual time at the newest entry or mark that the source has had; no input that it does not hold took effect before. */
  long horizonNanos();

  /**
   * The first output entry that was taken and not fulfilled yet is fulfilled: this machine has put out the same.
   *
   * @return false if that comes too late: the machine is about to go live without it
   */
  boolean matched();
}
