package dev.lockstep.vmm.log;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any bytes as a log's files, with right checksums where the first byte asks for them: the log opens or is refused as {@link VmmException}, its entries go forward, it says how it ends, and a tail that was cut off
 * leaves a log with the same entries.
 */
class EventLogFuzzTest {
  private static final int RAW = 0;

  @TempDir Path folder = Path.of("unset");

  static Stream<byte[]> seeds() {
    byte[] start = SegmentFormat.encode(0, 0, RandomEntries.header().encode());
    return LongStream.range(0, 6)
        .mapToObj(seed -> {
          byte[] payload = EntryDecoderFuzzTest.encoded(2 * seed + 1);
          byte[] batch = batch(0, payload);
          return seed % 2 == 0
              ? Fuzzing.joined(new byte[] {RAW}, start, batch, new byte[(int) seed]) // a torn tail
              : Fuzzing.joined(new byte[] {1}, Fuzzing.prefixed(payload));
        });
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void entriesAndAnEndOrRefused(byte[] data) throws IOException {
    if (data.length == 0) {
      return;
    }
    Path log = Files.createDirectories(folder.resolve("log"));
    write(log, data);
    int entries;
    LogEnding ending;
    try (EventLogReader reader = new EventLogReader(log)) {
      entries = count(reader);
      ending = Objects.requireNonNull(reader.ending());
    } catch (VmmException e) {
      return;
    }
    assertThat(entries).isLessThanOrEqualTo(data.length);
    EventLogReader.cutTornTail(log);
    if (ending.kind() == LogEnding.Kind.TORN && ending.offset() > 0) {
      try (EventLogReader again = new EventLogReader(log)) {
        assertThat(count(again)).isEqualTo(entries);
        assertThat(Objects.requireNonNull(again.ending()).kind())
            .isNotIn(LogEnding.Kind.TORN, LogEnding.Kind.CORRUPT);
      }
    }
  }

  private static int count(EventLogReader reader) {
    int entries = 0;
    long before = 0;
    for (LogEntry entry = reader.next(); entry != null; entry = reader.next()) {
      assertThat(entry.at().count()).isGreaterThanOrEqualTo(before);
      before = entry.at().count();
      entries++;
    }
    return entries;
  }

  /** As they are, into one or two segments; or as batches behind a good start. */
  private static void write(Path log, byte[] data) throws IOException {
    ByteBuffer from = ByteBuffer.wrap(data);
    int mode = from.get();
    Path second = SegmentFormat.path(log, 1);
    Files.deleteIfExists(second);
    if (mode == RAW) {
      byte[] rest = new byte[from.remaining()];
      from.get(rest);
      Files.write(SegmentFormat.path(log, 0), rest);
      return;
    }
    byte[] header = RandomEntries.header().encode();
    byte[] segment = SegmentFormat.encode(0, 0, header);
    long sequence = 0;
    while (from.hasRemaining()) {
      byte[] payload = Fuzzing.piece(from);
      if (payload.length > 0) {
        segment = Fuzzing.joined(segment, batch(sequence, payload));
        sequence += entries(payload);
      }
    }
    Files.write(SegmentFormat.path(log, 0), segment);
    if ((mode & 2) != 0) {
      Files.write(second, SegmentFormat.encode(1, sequence, header));
    }
  }

  private static int entries(byte[] payload) {
    EntryDecoder decoder = new EntryDecoder(payload, 0, payload.length);
    int entries = 0;
    try {
      for (; decoder.hasNext(); entries++) {
        decoder.next();
      }
    } catch (LogFormatException e) {
      // As many as there are before it.
    }
    return entries;
  }

  private static byte[] batch(long sequence, byte[] payload) {
    ByteBuffer out = ByteBuffer.allocate(Batch.HEADER_BYTES + payload.length);
    out.putInt(Batch.MAGIC).putInt(payload.length).putLong(sequence).putInt(entries(payload));
    out.putInt(crc(payload, payload.length)).putInt(crc(out.array(), Batch.HEADER_BYTES - 4));
    return out.put(payload).array();
  }

  private static int crc(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return (int) crc.getValue();
  }
}
