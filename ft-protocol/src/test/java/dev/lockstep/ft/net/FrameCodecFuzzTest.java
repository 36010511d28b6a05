package dev.lockstep.ft.net;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.wire.MessageCodec;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.vmm.fuzz.Fuzzing;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.TooLongFrameException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any stream of a peer, in pieces of any length: frames, which come back when they are sent again, and then perhaps a refusal as {@link TooLongFrameException} or by protobuf as its own; and nothing is kept that is
 * longer than a frame may be.
 */
class FrameCodecFuzzTest {
  private static final int MAX_FRAME_BYTES = 1 << 12;
  private static final TransportLimits LIMITS =
      new TransportLimits(MAX_FRAME_BYTES, 1 << 20, 1, 1000, 1000, 50);

  static Stream<byte[]> seeds() {
    byte[] first = prefixed(MessageCodec.encode(new Message.Heartbeat(4, 123_456, 9)));
    byte[] second = prefixed(MessageCodec.encode(new Message.Protect(4, 0)));
    byte[] tooLong = ByteBuffer.allocate(4).putInt(MAX_FRAME_BYTES + 1).array();
    return Stream.of(
        Fuzzing.joined(new byte[] {3}, first, second),
        Fuzzing.joined(new byte[] {100}, second, first, second),
        Fuzzing.joined(new byte[] {9}, first, tooLong));
  }

  private static byte[] prefixed(Frame frame) {
    byte[] bytes = frame.toByteArray();
    return ByteBuffer.allocate(4 + bytes.length).putInt(bytes.length).put(bytes).array();
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void framesOrRefused(byte[] data) {
    if (data.length == 0) {
      return;
    }
    List<Frame> frames = read(data, 1, 1 + (data[0] & 0xff));
    assertThat(frames.size()).isLessThan(data.length);
    for (Frame frame : frames) {
      EmbeddedChannel out = channel();
      assertThat(out.writeOutbound(frame)).isTrue();
      ByteBuf sent = out.readOutbound();
      byte[] bytes = new byte[sent.readableBytes()];
      sent.readBytes(bytes).release();
      out.finishAndReleaseAll();
      assertThat(read(bytes, 0, bytes.length)).containsExactly(frame);
    }
  }

  private static List<Frame> read(byte[] bytes, int from, int piece) {
    EmbeddedChannel in = channel();
    List<Frame> frames = new ArrayList<>();
    try {
      // Closed within: what was refused is looked at once more when the connection ends.
      for (int at = from; at < bytes.length; at += piece) {
        in.writeInbound(Unpooled.copiedBuffer(bytes, at, Math.min(piece, bytes.length - at)));
        for (Frame next = in.readInbound(); next != null; next = in.readInbound()) {
          frames.add(next);
        }
      }
      in.finishAndReleaseAll();
    } catch (DecoderException e) {
      assertThat(
              e instanceof TooLongFrameException
                  || e.getCause() instanceof TlsException
                  || e.getCause() instanceof InvalidProtocolBufferException)
          .as("%s", e)
          .isTrue();
    }
    return frames;
  }

  private static EmbeddedChannel channel() {
    FrameCodec codec = new FrameCodec(LIMITS);
    codec.admit();
    return new EmbeddedChannel(codec);
  }
}
