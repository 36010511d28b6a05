package dev.lockstep.vmm.log;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes are entries, which come back when they are written again, or are refused as {@link LogFormatException}; never more entries than bytes. */
class EntryDecoderFuzzTest {
  static Stream<byte[]> seeds() {
    return LongStream.range(0, 12).mapToObj(EntryDecoderFuzzTest::encoded);
  }

  static byte[] encoded(long seed) {
    EntryEncoder encoder = new EntryEncoder();
    RandomEntries entries = new RandomEntries(seed);
    entries.list(4).forEach(encoder::add);
    encoder.add(seed % 2 == 0 ? entries.progress() : entries.end());
    return encoder.toByteArray();
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void entriesOrRefused(byte[] data) throws LogFormatException {
    List<LogEntry> entries = new ArrayList<>();
    try {
      decode(data, entries);
    } catch (LogFormatException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
    assertThat(entries.size()).isLessThanOrEqualTo(data.length);
    EntryEncoder encoder = new EntryEncoder();
    entries.forEach(encoder::add);
    List<LogEntry> again = new ArrayList<>();
    decode(encoder.toByteArray(), again);
    assertThat(again).isEqualTo(entries);
  }

  private static void decode(byte[] bytes, List<LogEntry> into) throws LogFormatException {
    EntryDecoder decoder = new EntryDecoder(bytes, 0, bytes.length);
    while (decoder.hasNext()) {
      into.add(decoder.next());
    }
  }
}
