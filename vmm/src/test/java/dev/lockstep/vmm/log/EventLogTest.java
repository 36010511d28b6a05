package dev.lockstep.vmm.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventLogTest {
  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  @TempDir Path folder = Path.of("unset");

  @Test
  void aClosedLogComesBackWhole() {
    List<LogEntry> written = write(folder.resolve("log"), 2000, true, EventLogWriter.SEGMENT_BYTES);
    Read read = read(folder.resolve("log"));
    assertThat(read.entries).as("seed %d", seed).isEqualTo(written);
    assertThat(read.ending.kind()).isEqualTo(LogEnding.Kind.COMPLETE);
    assertThat(read.header).isEqualTo(RandomEntries.header());
  }

  @Test
  void aLogOfManySegmentsComesBackWhole() throws IOException {
    Path log = folder.resolve("log");
    List<LogEntry> written = write(log, 3000, true, 4096);
    try (var files = Files.list(log)) {
      assertThat(files.count()).isGreaterThan(5);
    }
    Read read = read(log);
    assertThat(read.entries).as("seed %d", seed).isEqualTo(written);
    assertThat(read.ending.kind()).isEqualTo(LogEnding.Kind.COMPLETE);
  }

  @Test
  void filesAreForTheirOwnerOnly() throws IOException {
    Path log = folder.resolve("log");
    write(log, 10, true, 4096);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(log)))
        .isEqualTo("rwx------");
    assertThat(
            PosixFilePermissions.toString(
                Files.getPosixFilePermissions(SegmentFormat.path(log, 0))))
        .isEqualTo("rw-------");
  }

  @Test
  void aLogWithoutEndIsUnfinished() {
    Path log = folder.resolve("log");
    List<LogEntry> written = write(log, 100, false, 4096);
    Read read = read(log);
    assertThat(read.entries).isEqualTo(written);
    assertThat(read.ending.kind()).isEqualTo(LogEnding.Kind.UNFINISHED);
  }

  @Test
  void aTornTailIsFoundAtEveryLengthAndCut() throws IOException {
    Path log = folder.resolve("log");
    List<LogEntry> written = write(log, 40, true, EventLogWriter.SEGMENT_BYTES);
    Path file = SegmentFormat.path(log, 0);
    byte[] whole = Files.readAllBytes(file);
    int start = SegmentFormat.PREFIX_BYTES + RandomEntries.header().encode().length;
    for (int length = start; length < whole.length; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      Read read = read(log);
      assertThat(written.subList(0, read.entries.size())).isEqualTo(read.entries);
      assertThat(read.ending.kind())
          .as("seed %d length %d", seed, length)
          .isIn(LogEnding.Kind.TORN, LogEnding.Kind.UNFINISHED);
      assertThat(read.ending.offset()).isLessThanOrEqualTo(length);
      if (read.ending.kind() == LogEnding.Kind.TORN) {
        EventLogReader.cutTornTail(log);
        Read cut = read(log);
        assertThat(cut.entries).isEqualTo(read.entries);
        assertThat(cut.ending.kind()).isEqualTo(LogEnding.Kind.UNFINISHED);
      }
    }
    for (int length = 0; length < start; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> read(log))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("offset 0");
    }
  }

  @Test
  void noFlippedBitIsTakenForAnEntry() throws IOException {
    Path log = folder.resolve("log");
    List<LogEntry> written = write(log, 60, true, 1024);
    Path file = SegmentFormat.path(log, 1);
    byte[] whole = Files.readAllBytes(file);
    for (int bit = 0; bit < whole.length * 8; bit++) {
      byte[] flipped = whole.clone();
      flipped[bit / 8] ^= (byte) (1 << bit % 8);
      Files.write(file, flipped);
      Read read = read(log);
      assertThat(read.entries.size()).as("seed %d bit %d", seed, bit).isLessThan(written.size());
      assertThat(read.entries).isEqualTo(written.subList(0, read.entries.size()));
      assertThat(read.ending.kind())
          .as("seed %d bit %d", seed, bit)
          .isIn(LogEnding.Kind.CORRUPT, LogEnding.Kind.TORN);
      assertThat(read.ending.offset()).isLessThanOrEqualTo(bit / 8);
      assertThat(read.ending.asException()).hasMessageContaining("offset " + read.ending.offset());
    }
  }

  @Test
  void aMissingSegmentEndsTheGoodPart() throws IOException {
    Path log = folder.resolve("log");
    List<LogEntry> written = write(log, 500, true, 1024);
    Files.delete(SegmentFormat.path(log, 2));
    Read read = read(log);
    assertThat(read.ending.kind()).isEqualTo(LogEnding.Kind.CORRUPT);
    assertThat(read.entries).isEqualTo(written.subList(0, read.entries.size()));
  }

  @Test
  void aDirectoryInUseIsRefused() {
    Path log = folder.resolve("log");
    write(log, 1, true, 4096);
    assertThatThrownBy(() -> new EventLogWriter(log, RandomEntries.header()))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("holds an event log already");
  }

  @Test
  void whatIsNoLogIsRefused() throws IOException {
    assertThatThrownBy(() -> new EventLogReader(folder.resolve("nowhere")))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("no event log");
    assertThatThrownBy(() -> new EventLogReader(folder))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("no event log");
    Path file = Files.writeString(folder.resolve("file"), "x");
    assertThatThrownBy(() -> new EventLogReader(file))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("not a directory");
    Path other = Files.createDirectory(folder.resolve("other"));
    Files.writeString(
        SegmentFormat.path(other, 0), "This is some other text, and longer than that.");
    assertThatThrownBy(() -> new EventLogReader(other))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("not a segment");
  }

  @Test
  void aHeaderThatDiffersIsRefusedByName() {
    LogHeader mine = RandomEntries.header();
    mine.requireSame(mine);
    TreeMap<String, String> facts = new TreeMap<>(mine.configuration());
    facts.put("kernel", "xyz");
    assertThatThrownBy(() -> mine.requireSame(with(mine, facts)))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("kernel")
        .hasMessageContaining("abc")
        .hasMessageContaining("xyz");
    assertThatThrownBy(() -> mine.requireSame(with(mine, new TreeMap<>(Map.of("kernel", "abc")))))
        .hasMessageContaining("memory");
  }

  private static LogHeader with(LogHeader it, TreeMap<String, String> facts) {
    return new LogHeader(
        it.vm(),
        it.epoch(),
        it.engine(),
        it.cpuModel(),
        it.cpuModelDigest(),
        it.semantics(),
        facts,
        it.devices(),
        it.disks(),
        it.start(),
        it.startNanos(),
        it.wallClockNanos(),
        it.initial());
  }

  private List<LogEntry> write(Path log, int count, boolean complete, long segmentBytes) {
    System.out.println("EventLogTest seed " + seed);
    RandomEntries random = new RandomEntries(seed);
    Random choice = new Random(seed);
    List<LogEntry> written = new ArrayList<>();
    try (EventLogWriter writer = new EventLogWriter(log, RandomEntries.header(), segmentBytes)) {
      for (int i = 0; i < count; i++) {
        LogEntry entry = random.next();
        written.add(entry);
        writer.append(entry);
        if (choice.nextInt(10) == 0) {
          writer.flush();
        }
      }
      if (complete) {
        LogEntry end = random.end();
        written.add(end);
        writer.append(end);
      }
    }
    return written;
  }

  private record Read(LogHeader header, List<LogEntry> entries, LogEnding ending) {}

  private static Read read(Path log) {
    try (EventLogReader reader = new EventLogReader(log)) {
      List<LogEntry> entries = new ArrayList<>();
      for (LogEntry entry = reader.next(); entry != null; entry = reader.next()) {
        entries.add(entry);
      }
      LogEnding ending = reader.ending();
      assertThat(ending).isNotNull();
      return new Read(reader.header(), entries, Objects.requireNonNull(ending));
    }
  }
}
