package dev.lockstep.vmm.log;

import dev.lockstep.engine.VmmException;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads a log from its directory, batch by batch: gives every entry of the good part, in order, and then says how the log
 * ends. Never gives an entry that was not written so. One thread.
 */
public final class EventLogReader implements AutoCloseable {
  private final List<Path> segments;
  private final LogHeader header;
  private final Deque<LogEntry> entries = new ArrayDeque<>();
  private InputStream in;
  private int segment;
  private long offset;
  private long sequence;
  private long count;
  private boolean sawEnd;
  private @Nullable LogEnding ending;

  /**
   * Opens a log and reads its header.
   *
   * @throws VmmException if there is no log, it is of another version, or its header is damaged
   */
  public EventLogReader(Path directory) {
    this.segments = SegmentFormat.segments(directory);
    if (segments.isEmpty()) {
      throw new VmmException(
          "there is no event log in '%s'".formatted(directory),
          "Name the directory that 'lockstep record' wrote.");
    }
    Path first = segments.getFirst();
    try {
      this.in = open(first);
      SegmentFormat.Start start = SegmentFormat.read(first, in);
      if (start.index() != 0 || start.firstSequence() != 0) {
        throw new LogFormatException("the log's first segment is missing");
      }
      this.header = start.header();
      this.offset = start.bytes();
    } catch (IOException e) {
      throw new VmmException(
          "the event log's header cannot be read, in '%s' at offset 0: %s"
              .formatted(first, e.getMessage()),
          "Restore the file from a copy; without its header a log cannot be replayed.",
          e);
    }
  }

  /** The log's header. */
  public LogHeader header() {
    return header;
  }

  /** The files that the log is in, in order. */
  public List<Path> segments() {
    return segments;
  }

  /** The next entry, without taking it; null at the end of the good part. */
  public @Nullable LogEntry peek() {
    while (entries.isEmpty() && ending == null) {
      readBatch();
    }
    return entries.peek();
  }

  /** Takes and gives the next entry; null at the end of the good part. */
  public @Nullable LogEntry next() {
    LogEntry entry = peek();
    if (entry != null) {
      entries.remove();
    }
    return entry;
  }

  /** How the log ends; null as long as {@link #peek} has not come to the end. */
  public @Nullable LogEnding ending() {
    return entries.isEmpty() ? ending : null;
  }

  /**
   * Cuts off a torn tail, so that the log ends after its last whole batch.
   *
   * @return how the log ended before; only if that is torn was anything cut
   * @throws VmmException if the file cannot be written
   */
  public static LogEnding cutTornTail(Path directory) {
    LogEnding found;
    try (EventLogReader reader = new EventLogReader(directory)) {
      while (reader.next() != null) {
        // to the end
      }
      LogEnding end = reader.ending();
      if (end == null) {
        throw new IllegalStateException("the end of the log has no ending");
      }
      found = end;
    }
    if (found.kind() == LogEnding.Kind.TORN) {
      try {
        cut(found.file(), found.offset());
      } catch (IOException e) {
        throw new VmmException(
            "cannot cut the torn log '%s': %s".formatted(found.file(), e),
            "Check its permissions.",
            e);
      }
    }
    return found;
  }

  /** A segment that is cut within its start is nothing at all. */
  private static void cut(Path file, long offset) throws IOException {
    if (offset == 0) {
      Files.delete(file);
      return;
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(offset);
      channel.force(true);
    }
  }

  @Override
  public void close() {
    try {
      in.close();
    } catch (IOException e) {
      throw readFailed(e);
    }
  }

  private void readBatch() {
    try {
      byte[] head = in.readNBytes(Batch.HEADER_BYTES);
      if (head.length == 0) {
        nextSegment();
        return;
      }
      if (sawEnd) {
        end(LogEnding.Kind.CORRUPT, "bytes after the end of the log");
        return;
      }
      if (head.length < Batch.HEADER_BYTES) {
        endWithin("a batch's header is cut off");
        return;
      }
      int length = Batch.payloadBytes(head, 0);
      byte[] whole = new byte[Batch.HEADER_BYTES + length];
      System.arraycopy(head, 0, whole, 0, head.length);
      if (in.readNBytes(whole, head.length, length) < length) {
        endWithin("a batch of %d bytes is cut off".formatted(whole.length));
        return;
      }
      accept(Batch.decode(whole), whole.length);
    } catch (LogFormatException e) {
      end(LogEnding.Kind.CORRUPT, String.valueOf(e.getMessage()));
    } catch (IOException e) {
      throw readFailed(e);
    }
  }

  private void accept(Batch batch, int bytes) throws LogFormatException {
    if (batch.firstSequence() != sequence) {
      throw new LogFormatException(
          "entry %d follows entry %d".formatted(batch.firstSequence(), sequence - 1));
    }
    long lowest = count;
    for (LogEntry entry : batch.entries()) {
      if (sawEnd || entry.at().count() < lowest || entry instanceof LogEntry.ProgressMark) {
        throw new LogFormatException("an entry out of place: %s".formatted(entry));
      }
      lowest = entry.at().count();
      sawEnd = entry instanceof LogEntry.EndOfLog;
    }
    count = lowest;
    sequence += batch.entries().size();
    offset += bytes;
    entries.addAll(batch.entries());
  }

  /** At the end of a segment's file, after a whole batch. */
  private void nextSegment() throws IOException {
    if (segment + 1 == segments.size()) {
      end(sawEnd ? LogEnding.Kind.COMPLETE : LogEnding.Kind.UNFINISHED, "");
      return;
    }
    in.close();
    segment++;
    offset = 0;
    Path file = segments.get(segment);
    in = open(file);
    SegmentFormat.Start start;
    try {
      start = SegmentFormat.read(file, in);
    } catch (LogFormatException e) {
      endWithin(String.valueOf(e.getMessage()));
      return;
    } catch (VmmException e) {
      end(LogEnding.Kind.CORRUPT, String.valueOf(e.getMessage()));
      return;
    }
    if (start.index() != segment
        || start.firstSequence() != sequence
        || !start.header().equals(header)) {
      throw new LogFormatException("this segment does not follow the one before it");
    }
    offset = start.bytes();
  }

  /** A file ends where it should go on: torn if it is the last one. */
  private void endWithin(String detail) {
    boolean last = segment + 1 == segments.size();
    end(last ? LogEnding.Kind.TORN : LogEnding.Kind.CORRUPT, detail);
  }

  private void end(LogEnding.Kind kind, String detail) {
    ending = new LogEnding(kind, segments.get(segment), offset, detail);
  }

  private static InputStream open(Path file) throws IOException {
    return new BufferedInputStream(Files.newInputStream(file), 1 << 16);
  }

  private VmmException readFailed(IOException e) {
    return new VmmException(
        "cannot read the event log '%s': %s".formatted(segments.get(segment), e),
        "Check the file and its disk.",
        e);
  }
}
