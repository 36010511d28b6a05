package dev.lockstep.vmm.net.host;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.vmm.fuzz.Fuzzing;
import dev.lockstep.vmm.net.Frames;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/** Any stream from passt, over a real socket: frames within the bound that was asked for, and at its end {@link IOException}. */
class PasstStreamFuzzTest {
  private static final int MAX_BYTES = 4000;

  @TempDir Path folder = Path.of("unset");

  static Stream<byte[]> seeds() {
    byte[] negative = ByteBuffer.allocate(4).putInt(-1).array();
    return Stream.of(
        FrameServer.prefixed(new byte[60]),
        Fuzzing.joined(FrameServer.prefixed(new byte[1518]), FrameServer.prefixed(new byte[1519])),
        Fuzzing.joined(FrameServer.prefixed(new byte[13]), FrameServer.prefixed(new byte[14])),
        Fuzzing.joined(FrameServer.prefixed(new byte[60]), negative));
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void framesAndAnEnd(byte[] data) throws IOException {
    int bytes = 0;
    try (FrameServer server = new FrameServer(folder.resolve("socket"));
        PasstBackend backend = PasstBackend.connect(server.path)) {
      server.accept();
      server.raw(data);
      server.hangUp();
      // One call for each byte is more than enough; a stream that never ends is a finding.
      for (int calls = 0; calls < data.length + 10; calls++) {
        byte[] packed = backend.receive(1000, MAX_BYTES);
        if (packed != null) {
          assertThat(packed.length).isLessThanOrEqualTo(MAX_BYTES);
          assertThat(Frames.count(packed)).isPositive();
          bytes += packed.length;
        }
      }
      throw new AssertionError("a stream without an end");
    } catch (IOException e) {
      assertThat(e).hasMessageContaining("passt");
    }
    assertThat(bytes).isLessThanOrEqualTo(data.length);
  }
}
