package dev.lockstep.vmm.log;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes are a header, which comes back when it is written again, or are refused as {@link IOException}. */
class LogHeaderFuzzTest {
  static Stream<byte[]> seeds() {
    return Stream.of(RandomEntries.header().encode());
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void aHeaderOrRefused(byte[] data) throws IOException {
    LogHeader header;
    try {
      header = LogHeader.decode(data);
    } catch (IOException e) {
      return;
    }
    assertThat(LogHeader.decode(header.encode())).isEqualTo(header);
    header.requireSame(header);
  }
}
