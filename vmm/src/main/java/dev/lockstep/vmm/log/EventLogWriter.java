package dev.lockstep.vmm.log;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;

/**
 * Writes a log into a new directory, as segments with mode 0600, since a log holds what was typed into the guest. One thread.
 *
 * <p>Entries are collected into batches; a crash of this process loses those since the last {@link #flush}, a crash of
 * the host those since the last {@link #sync}.
 */
public final class EventLogWriter implements AutoCloseable {
  /** At how many bytes a batch is written by itself. */
  private static final int BATCH_BYTES = 32 << 10;

  /** At how many bytes a new segment begins, unless said otherwise. */
  public static final long SEGMENT_BYTES = 64L << 20;

  private static final FileAttribute<Set<PosixFilePermission>> FILE_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
  private static final FileAttribute<Set<PosixFilePermission>> DIRECTORY_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private final Path directory;
  private final byte[] header;
  private final long segmentBytes;
  private final EntryEncoder encoder = new EntryEncoder();
  private FileChannel channel;
  private int segment;
  private long segmentSize;
  private long batchStart;
  private long sequence;
  private long bytesWritten;
  private boolean complete;
  private boolean closed;

  /**
   * Begins a log.
   *
   * @param directory is made; may exist if it is empty
   * @throws VmmException if the directory is in use or cannot be written
   */
  public EventLogWriter(Path directory, LogHeader header) {
    this(directory, header, SEGMENT_BYTES);
  }

  /** As above, with the size at which a new segment begins. */
  public EventLogWriter(Path directory, LogHeader header, long segmentBytes) {
    this.directory = directory;
    this.header = header.encode();
    this.segmentBytes = segmentBytes;
    makeDirectory(directory);
    openSegment();
  }

  /**
   * Checks that a log can begin there, before anything else is done.
   *
   * @throws VmmException as the constructor
   */
  public static void makeDirectory(Path directory) {
    try {
      if (!Files.isDirectory(directory)) {
        Path parent = directory.toAbsolutePath().getParent();
        if (parent != null) {
          Files.createDirectories(parent);
        }
        Files.createDirectory(directory, DIRECTORY_MODE);
      }
    } catch (IOException e) {
      throw new VmmException(
          "cannot make the log's directory '%s': %s".formatted(directory, e),
          "Name a directory on a file system you can write to.",
          e);
    }
    if (!SegmentFormat.segments(directory).isEmpty()) {
      throw new VmmException(
          "'%s' holds an event log already".formatted(directory),
          "Name a new directory, or remove the old log.");
    }
  }

  /** Number of the next entry. */
  public long sequence() {
    return sequence;
  }

  /** Bytes in all segments, without what is not flushed. */
  public long bytesWritten() {
    return bytesWritten;
  }

  /** Whether entries wait for {@link #flush}. */
  public boolean pending() {
    return encoder.entries() > 0;
  }

  /**
   * Adds an entry.
   *
   * @throws VmmException if the file cannot be written
   */
  public void append(LogEntry entry) {
    if (complete || closed) {
      throw new IllegalStateException("entry %s after the end of the log".formatted(entry));
    }
    if (entry instanceof LogEntry.ProgressMark) {
      throw new IllegalStateException("progress marks are not stored");
    }
    encoder.add(entry);
    sequence++;
    if (entry instanceof LogEntry.EndOfLog) {
      complete = true;
      flush();
    } else if (encoder.size() >= BATCH_BYTES) {
      flush();
    }
  }

  /** Hands what was added to the operating system. */
  public void flush() {
    if (encoder.entries() == 0) {
      return;
    }
    byte[] batch = Batch.encode(batchStart, encoder);
    if (segmentSize + batch.length > segmentBytes
        && segmentSize > SegmentFormat.PREFIX_BYTES + header.length) {
      FileChannel full = channel;
      segment++;
      openSegment();
      close(full);
    }
    write(batch);
    encoder.reset();
    batchStart = sequence;
  }

  /** Flushes, and waits until the disk has it. */
  public void sync() {
    flush();
    try {
      channel.force(true);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  /** Flushes and closes. The log is complete if its last entry is {@link LogEntry.EndOfLog}. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      flush();
      close(channel);
    }
  }

  /**
   * Whether somebody writes a log: the last segment is locked for as long as its writer lives. Where the file system has no locks, nobody seems to.
   *
   * @throws VmmException if there is no log
   */
  public static boolean isOpen(Path directory) {
    List<Path> segments = SegmentFormat.segments(directory);
    if (segments.isEmpty()) {
      return false;
    }
    try (FileChannel last = FileChannel.open(segments.getLast(), StandardOpenOption.WRITE);
        FileLock lock = last.tryLock()) {
      return lock == null;
    } catch (OverlappingFileLockException e) {
      // In this very process.
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private void openSegment() {
    try {
      channel =
          FileChannel.open(
              SegmentFormat.path(directory, segment),
              Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
              FILE_MODE);
    } catch (IOException e) {
      throw failed(e);
    }
    try {
      channel.tryLock();
    } catch (IOException e) {
      // A file system without locks: then only isOpen knows less.
    }
    segmentSize = 0;
    write(SegmentFormat.encode(segment, batchStart, header));
  }

  private void close(FileChannel written) {
    try {
      written.force(true);
      written.close();
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private void write(byte[] bytes) {
    try {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
    } catch (IOException e) {
      throw failed(e);
    }
    segmentSize += bytes.length;
    bytesWritten += bytes.length;
  }

  private VmmException failed(IOException e) {
    return new VmmException(
        "cannot write the event log '%s': %s".formatted(directory, e),
        "Free space on its file system, or record somewhere else.",
        e);
  }
}
