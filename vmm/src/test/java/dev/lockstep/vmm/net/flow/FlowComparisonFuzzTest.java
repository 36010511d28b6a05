package dev.lockstep.vmm.net.flow;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Two guests send anything: what is compared, translated and handed back stays in its bounds, and a frame that the guest here has sent itself is matched, unless the two contradict each other. */
class FlowComparisonFuzzTest {
  static Stream<byte[]> seeds() {
    return Stream.of(
        frames(TestFrames.tcp(1, 100, 7, 18, ""), TestFrames.tcp(1, 101, 8, 16, "hello")),
        frames(TestFrames.udp(9, "one"), TestFrames.echo(1, 2), TestFrames.arp(3)),
        frames(TestFrames.segment(true, 5, 1, 2, 2, TestFrames.timestamps(5, 6), "")));
  }

  /** Each frame behind a byte that says whose it is, and a byte of its length. */
  private static byte[] frames(byte[]... frames) {
    int size = Stream.of(frames).mapToInt(frame -> 4 + 2 * frame.length).sum();
    byte[] packed = new byte[size];
    int at = 0;
    for (byte[] frame : frames) {
      for (int whose = 0; whose < 2; whose++) {
        packed[at++] = (byte) whose;
        packed[at++] = (byte) frame.length;
        System.arraycopy(frame, 0, packed, at, frame.length);
        at += frame.length;
      }
    }
    return packed;
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void anyFramesAreCompared(byte[] packed) {
    FlowTranslation translation = new FlowTranslation();
    FlowComparison flows = new FlowComparison(translation);
    int expected = 0;
    for (int at = 0; at + 2 <= packed.length; ) {
      int to = Math.min(packed.length, at + 2 + (packed[at + 1] & 0xff));
      byte[] frame = Arrays.copyOfRange(packed, at + 2, to);
      assertThat(translation.inbound(frame)).hasSameSizeAs(frame);
      if (packed[at] == 0) {
        flows.expect(frame);
        expected++;
      } else {
        byte[] moved = translation.outbound(frame);
        assertThat(moved).hasSameSizeAs(frame);
        flows.produce(moved, at);
      }
      at = to;
    }
    boolean all = flows.areMatched(expected);
    assertThat(all && flows.contradiction() != null).isFalse();
    assertThat(flows.missing(expected)).isNotEmpty();
    flows.alone(packed.length, 1);
    flows.takeUnexpected();
    flows.forget(expected);
    assertThat(flows.areMatched(1)).isEqualTo(flows.contradiction() == null);
  }
}
