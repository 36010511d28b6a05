package dev.lockstep.vmm.replay;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.EventLogReader;
import dev.lockstep.vmm.log.LogEnding;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.ReopenableLog;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A finished log from its directory. */
public final class FileLogSource implements ReopenableLog.Source {
  private final EventLogReader reader;
  private final long firstSequence;

  /**
   * Opens a log at its beginning.
   *
   * @throws VmmException if there is no readable log
   */
  public FileLogSource(Path directory) {
    this(directory, 0);
  }

  /**
   * Opens a log at an entry, for a machine that was restored from a snapshot.
   *
   * @param firstSequence number of the entry that comes first
   * @throws VmmException if there is no readable log, or it ends before that
   */
  public FileLogSource(Path directory, long firstSequence) {
    this.reader = new EventLogReader(directory);
    this.firstSequence = firstSequence;
    for (long skipped = 0; skipped < firstSequence; skipped++) {
      if (reader.next() == null) {
        reader.close();
        throw new VmmException(
            "the event log '%s' ends at entry %d, before the snapshot's entry %d"
                .formatted(directory, skipped, firstSequence),
            "Use the log that the snapshot was taken with.");
      }
    }
  }

  @Override
  public LogHeader header() {
    return reader.header();
  }

  @Override
  public long firstSequence() {
    return firstSequence;
  }

  @Override
  public @Nullable LogEntry peek() {
    return reader.peek();
  }

  @Override
  public void advance() {
    reader.next();
  }

  @Override
  public boolean ended() {
    return true;
  }

  @Override
  public void onAvailable(Runnable wake) {
    // Everything is there from the start.
  }

  /** How the log ends; null before its end was reached. */
  public @Nullable LogEnding ending() {
    return reader.peek() == null ? reader.ending() : null;
  }

  @Override
  public void close() {
    reader.close();
  }
}
