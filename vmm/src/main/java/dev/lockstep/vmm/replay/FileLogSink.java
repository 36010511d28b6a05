package dev.lockstep.vmm.replay;

import dev.lockstep.vmm.log.EventLogWriter;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.LogSink;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Records a log into a directory. Batches are written at least every half second while entries come, so a recorder that is
 * killed loses no more.
 */
public final class FileLogSink implements LogSink {
  private static final long FLUSH_NANOS = 500_000_000;

  private final Path directory;
  private @Nullable EventLogWriter writer;
  private long lastFlushNanos;
  private long entries;
  private volatile long bytesWritten;

  /**
   * @param directory to be made; checked at once
   * @throws dev.lockstep.engine.VmmException if it is in use or cannot be made
   */
  public FileLogSink(Path directory) {
    EventLogWriter.makeDirectory(directory);
    this.directory = directory;
  }

  /** Bytes in the log's files; any thread. */
  public long bytesWritten() {
    return bytesWritten;
  }

  @Override
  public void begin(Supplier<LogHeader> header) {
    writer = new EventLogWriter(directory, header.get());
    writer.sync();
    bytesWritten = writer.bytesWritten();
    lastFlushNanos = System.nanoTime();
  }

  @Override
  public void append(long sequence, LogEntry entry) {
    EventLogWriter log = writer();
    if (sequence != entries) {
      throw new IllegalStateException("entry %d after entry %d".formatted(sequence, entries - 1));
    }
    entries++;
    log.append(entry);
    bytesWritten = log.bytesWritten();
  }

  @Override
  public void flush() {
    EventLogWriter log = writer();
    if (!log.pending()) {
      return;
    }
    long now = System.nanoTime();
    if (now - lastFlushNanos >= FLUSH_NANOS) {
      lastFlushNanos = now;
      log.flush();
      bytesWritten = log.bytesWritten();
    }
  }

  @Override
  public boolean wantsFinalDigest() {
    return true;
  }

  @Override
  public void end() {
    EventLogWriter log = writer;
    if (log != null) {
      log.close();
      bytesWritten = log.bytesWritten();
    }
  }

  private EventLogWriter writer() {
    EventLogWriter log = writer;
    if (log == null) {
      throw new IllegalStateException("the log has not begun");
    }
    return log;
  }
}
