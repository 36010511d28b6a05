package dev.lockstep.ft.wire;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes of a peer are a message, which comes back when it is sent again, or are refused as {@link WireException}, or by protobuf as its own. */
class MessageCodecFuzzTest {
  static Stream<byte[]> seeds() {
    return MessageCodecTest.everyMessage().stream()
        .map(message -> MessageCodec.encode(message).toByteArray());
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void aMessageOrRefused(byte[] data) throws IOException {
    Message message;
    try {
      message = MessageCodec.decode(Frame.parseFrom(data));
    } catch (WireException | InvalidProtocolBufferException e) {
      return;
    }
    byte[] again = MessageCodec.encode(message).toByteArray();
    assertThat(MessageCodec.decode(Frame.parseFrom(again))).isEqualTo(message);
  }
}
