package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.BackupInput;
import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.machine.LogSource;

/** The log a backup's machine follows, as its driver fills it. */
interface BackupSource extends LogSource {
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
