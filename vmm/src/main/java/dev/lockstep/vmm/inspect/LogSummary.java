package dev.lockstep.vmm.inspect;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.EventLogReader;
import dev.lockstep.vmm.log.LogEnding;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.time.VirtualClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a log holds in all. Reading it through holds every batch of every segment against its checksum and its place.
 *
 * @param kinds number of entries by {@link EntryText#kind}
 * @param entries of the good part
 * @param segments files it is in
 * @param bytes of these files
 * @param inputBytes of these, what came from outside as it is: bytes for consoles and random bytes, without the moments and kinds they are logged with
 * @param last moment of the last entry; where the log begins if there is none
 * @param atLeastNanos virtual time has come to this at the end, or further: an idle guest's time between two of its own timers is in no log
 * @param uncertainFrom up to where it is certain; null if to its end
 * @param end the last entry of a complete log; null if it has none
 * @param ending how the last file ends
 */
public record LogSummary(
    LogHeader header,
    SortedMap<String, Long> kinds,
    long entries,
    int segments,
    long bytes,
    long inputBytes,
    Moment last,
    long atLeastNanos,
    @Nullable Moment uncertainFrom,
    LogEntry.@Nullable EndOfLog end,
    LogEnding ending) {

  /**
   * Reads a log through.
   *
   * @throws VmmException if there is none, or its header cannot be read
   */
  public static LogSummary of(Path log) {
    try (EventLogReader reader = new EventLogReader(log)) {
      SortedMap<String, Long> kinds = new TreeMap<>();
      Moment last = reader.header().start();
      Moment uncertain = null;
      LogEntry.EndOfLog end = null;
      long entries = 0;
      long inputBytes = 0;
      Time time = new Time(reader.header());
      for (LogEntry entry = reader.next(); entry != null; entry = reader.next()) {
        kinds.merge(EntryText.kind(entry), 1L, Long::sum);
        entries++;
        inputBytes += inputBytes(entry);
        last = entry.at();
        time.pass(entry);
        if (entry instanceof LogEntry.UncertainFrom && uncertain == null) {
          uncertain = entry.at();
        }
        if (entry instanceof LogEntry.EndOfLog it) {
          end = it;
        }
      }
      LogEnding ending = Objects.requireNonNull(reader.ending());
      long bytes = 0;
      for (Path segment : reader.segments()) {
        bytes += size(segment);
      }
      return new LogSummary(
          reader.header(),
          kinds,
          entries,
          reader.segments().size(),
          bytes,
          inputBytes,
          last,
          time.nanos,
          uncertain,
          end,
          ending);
    }
  }

  private static int inputBytes(LogEntry entry) {
    return switch (entry) {
      case LogEntry.ConsoleInput it -> it.bytes().length;
      case LogEntry.EntropyInput it -> it.bytes().length;
      case LogEntry.NetworkInput it -> it.frames().length;
      case LogEntry.DiskCompletion _,
          LogEntry.ControlInput _,
          LogEntry.ClockEntry _,
          LogEntry.OutputEntry _,
          LogEntry.DigestEntry _,
          LogEntry.CheckpointMark _,
          LogEntry.UncertainFrom _,
          LogEntry.EndOfLog _,
          LogEntry.ProgressMark _ ->
          0;
    };
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw new VmmException(
          "cannot look at '%s': %s".formatted(file, e), "Check the file and its disk.", e);
    }
  }

  /** What a log tells of virtual time: its clock entries and the moments of a halted guest. */
  private static final class Time {
    private final @Nullable VirtualClock clock;
    private long nanos;

    Time(LogHeader header) {
      nanos = header.startNanos();
      // In mid-execution the pace at the beginning is not known.
      clock = header.start().count() == 0 ? new VirtualClock() : null;
    }

    void pass(LogEntry entry) {
      Moment at = entry.at();
      VirtualClock known = clock;
      if (known != null) {
        if (at.halted()) {
          known.jump(at.count(), at.haltedNanos());
        }
        if (entry instanceof LogEntry.ClockEntry it) {
          known.adjust(at.count(), it.stepNanos(), it.pace());
        }
        nanos = Math.max(nanos, known.nanosAt(at.count()));
      } else if (at.halted()) {
        nanos = Math.max(nanos, at.haltedNanos());
      }
    }
  }
}
