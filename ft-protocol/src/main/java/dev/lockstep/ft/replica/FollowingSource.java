package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.BackupInput;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.LogHeader;

/** The log that a backup's machine follows exactly: what has taken effect is replayed, outputs included. */
final class FollowingSource extends QueuedSource<LogEntry> {
  private long outputs;

  /**
   * As of {@link QueuedSource}.
   *
   * @param outputs produced before
   */
  FollowingSource(
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
  LogEntry decode(Payload payload) throws LogFormatException {
    return Moments.decode(payload);
  }

  @Override
  LogEntry entryOf(LogEntry item) {
    return item;
  }

  @Override
  void came(LogEntry item) {}

  @Override
  void took(long sequence, LogEntry entry) {
    outputs += entry instanceof LogEntry.OutputEntry ? 1 : 0;
  }

  @Override
  BackupInput.Replayed replayedAt(Position position, long takenThrough) {
    return new BackupInput.Replayed(takenThrough, position, outputs);
  }
}
