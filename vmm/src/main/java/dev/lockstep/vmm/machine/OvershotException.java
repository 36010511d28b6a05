package dev.lockstep.vmm.machine;

import dev.lockstep.engine.VmmException;

/**
 * A hardware counter's overflow came too late for a replay to stop where it had to. Nothing differs from the recording: the replay can begin again before that, and what was learnt of the counter makes the next try come by.
 */
public final class OvershotException extends VmmException {
  private static final long serialVersionUID = 1L;

  private final long sequence;
  private final long margin;

  /**
   * @param sequence number of the entry that the replay was on its way to; all before have taken effect
   * @param count branch count at which the guest stands
   * @param margin how far before its target the overflow will be armed next time, in branches
   */
  public OvershotException(long sequence, long count, long margin) {
    super(
        "the hardware counter's overflow came too late on the way to log entry %d: the guest stands at branch count %d"
            .formatted(sequence, count),
        "Begin again before that; the overflow is armed %,d branches ahead now.".formatted(margin));
    this.sequence = sequence;
    this.margin = margin;
  }

  /** Number of the entry that the replay was on its way to. */
  public long sequence() {
    return sequence;
  }

  /** How far before its target the overflow will be armed next time, in branches. */
  public long margin() {
    return margin;
  }
}
