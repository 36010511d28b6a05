package dev.lockstep.vmm.net;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.vmm.fuzz.Fuzzing;
import dev.lockstep.vmm.log.RandomEntries;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes are frames, which are the same when they are packed again and however they are cut in two, or are refused; nothing is thrown. */
class FramesFuzzTest {
  static Stream<byte[]> seeds() {
    return LongStream.range(0, 4).mapToObj(seed -> RandomEntries.frames(new Random(seed)));
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void framesOrNot(byte[] data) {
    int count = Frames.count(data);
    if (count < 0) {
      return;
    }
    List<byte[]> frames = Frames.unpack(data);
    assertThat(frames).hasSize(count);
    assertThat(Fuzzing.joined(frames.stream().map(Frames::pack).toArray(byte[][]::new)))
        .isEqualTo(data);
    for (int most = 0; most <= count; most++) {
      int first = Frames.bytesOfFirst(data, data.length, most, data.length);
      assertThat(Frames.count(Arrays.copyOf(data, first))).isEqualTo(most);
    }
  }
}
