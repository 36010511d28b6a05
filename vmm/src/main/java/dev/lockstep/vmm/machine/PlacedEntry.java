package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.LogEntry;
import org.jspecify.annotations.Nullable;

/**
 * An entry of a live machine's log, and what is needed to let it take effect near where it did in an execution that does not come by its very point: how much work lay behind the last numbered exit, and what time it was.
 *
 * @param entry of a machine that counts by {@link dev.lockstep.engine.BranchSemantics#ANCHORS}
 * @param virtualNanos the machine's virtual time before it took effect
 * @param work all that the guest had done, by its engine's own measure; the difference of two says how far apart they were
 * @param workSinceAnchor the same since the last exit that has a number; 0 if it took effect at that exit
 * @param output the bytes that an output entry names; null with every other entry
 */
@SuppressWarnings("ArrayRecordComponent") // handed on, never compared
public record PlacedEntry(
    LogEntry entry, long virtualNanos, long work, long workSinceAnchor, byte @Nullable [] output) {
  public PlacedEntry {
    boolean named =
        entry instanceof LogEntry.OutputEntry it && output != null && output.length == it.length();
    if (entry instanceof LogEntry.OutputEntry ? !named : output != null) {
      throw new IllegalArgumentException("the bytes do not belong to " + entry);
    }
  }

  /** Of an entry that is no output's. */
  public PlacedEntry(LogEntry entry, long virtualNanos, long work, long workSinceAnchor) {
    this(entry, virtualNanos, work, workSinceAnchor, null);
  }
}
