package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.BackupInput;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.FreeLogSource;
import dev.lockstep.vmm.machine.PlacedEntry;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * The log that a backup's machine follows freely. A record is replayed when it has taken effect, and every output of the records up to it is matched: so that what the backup reports lets out nothing that it has not matched.
 */
final class FreeSource extends QueuedSource<PlacedEntry> implements FreeLogSource {
  /** The records of outputs that were taken and are not matched. */
  private final ArrayDeque<Long> unmatched = new ArrayDeque<>();

  private long outputs;
  private long horizonNanos;

  /** It was said how far this replica has come when it goes live: nothing may be matched any more. */
  private boolean settled;

  /** Parameters as of {@link FollowingSource}. */
  FreeSource(
      LogHeader header,
      long firstSequence,
      long replayedThrough,
      Position position,
      long outputs,
      ReplayNews news) {
    super(header, firstSequence, replayedThrough, position, news);
    this.outputs = outputs;
  }

  @Override
  PlacedEntry decode(Payload payload) throws LogFormatException {
    return Moments.decodePlaced(payload);
  }

  @Override
  LogEntry entryOf(PlacedEntry item) {
    return item.entry();
  }

  @Override
  void came(PlacedEntry item) {
    horizonNanos = Math.max(horizonNanos, item.virtualNanos());
  }

  @Override
  void took(long sequence, LogEntry entry) {
    if (entry instanceof LogEntry.OutputEntry) {
      unmatched.add(sequence);
    }
  }

  /** If nothing follows and everything has taken effect, what is not matched never will be: it has not left. */
  @Override
  BackupInput.Replayed replayedAt(Position position, long takenThrough) {
    settled |= isAtEnd();
    Long first = settled ? null : unmatched.peek();
    return new BackupInput.Replayed(first == null ? takenThrough : first - 1, position, outputs);
  }

  @Override
  public @Nullable PlacedEntry next() {
    return peekItem();
  }

  @Override
  public synchronized long horizonNanos() {
    return horizonNanos;
  }

  @Override
  public boolean matched() {
    synchronized (this) {
      if (settled) {
        return false;
      }
      unmatched.remove();
      outputs++;
    }
    tellAdvanced();
    return true;
  }
}
