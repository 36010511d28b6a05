package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.BackupInput;
import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.LogSource;

/** The log a backup's machine follows, as its driver fills it. */
interface BackupSource extends LogSource {
  /**
   * The log behind a checkpoint, as this pair follows it.
   *
   * @param sequence the protocol's number of the last record before it
   * @param outputs produced before
   * @param advanced told that the replay has advanced
   */
  static BackupSource behind(
      ReplicaSettings settings,
      LogHeader header,
      CheckpointFile.Stand stand,
      long sequence,
      long outputs,
      Runnable advanced) {
    long first = stand.nextSequence();
    Position at = stand.position();
    ReplayNews news = new ReplayNews(settings.timing(), System::nanoTime, advanced);
    return settings.freeRunning() == null
        ? new FollowingSource(header, first, sequence, at, outputs, news)
        : new FreeSource(header, first, sequence, at, outputs, news);
  }

  /** The next record. The machine is told by {@link #tellMachine}. */
  void add(LogRecord next) throws LogFormatException;

  /** A newer progress mark. The machine is told by {@link #tellMachine}. */
  void mark(Payload point) throws LogFormatException;

  /** Something was added, and a machine that waits is to look. */
  void tellMachine();

  /** Nothing follows: the replay goes through the last record and no further than needed. */
  void finish();

  /** How far the replay has come. */
  BackupInput.Replayed replayed();

  /** Takes over what another source still has of what comes after a record: that one's machine stands, and will not go on by it. */
  void takeOver(BackupSource before, long afterSequence);
}
