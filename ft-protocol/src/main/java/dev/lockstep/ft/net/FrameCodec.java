package dev.lockstep.ft.net;

import dev.lockstep.ft.tls.TlsFailures;
import dev.lockstep.ft.wire.IdentityCodec;
import dev.lockstep.ft.wire.proto.Frame;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufInputStream;
import io.netty.buffer.ByteBufOutputStream;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageCodec;
import io.netty.handler.codec.TooLongFrameException;
import java.io.IOException;
import java.util.List;

/** Frames on a connection: each behind its length, 32 bits, big-endian. */
final class FrameCodec extends ByteToMessageCodec<Frame> {
  private static final int LENGTH_BYTES = Integer.BYTES;

  /** Who somebody is fits into this. */
  private static final int MAX_GREETING_BYTES = 256 << 10;

  private final int maxFrameBytes;
  private int maxTakenBytes;

  FrameCodec(TransportLimits limits) {
    maxFrameBytes = limits.maxFrameBytes();
    maxTakenBytes = Math.min(MAX_GREETING_BYTES, maxFrameBytes);
  }

  /** From now on frames of any permitted size are taken, not only greetings. On the connection's own thread, or before it has one. */
  void admit() {
    maxTakenBytes = maxFrameBytes;
  }

  @Override
  protected void encode(ChannelHandlerContext context, Frame frame, ByteBuf out)
      throws IOException {
    int length = frame.getSerializedSize();
    if (length > maxFrameBytes) {
      throw new IllegalStateException(
          "a frame of %d bytes; at most %d are sent".formatted(length, maxFrameBytes));
    }
    out.ensureWritable(LENGTH_BYTES + length);
    out.writeInt(length);
    try (ByteBufOutputStream stream = new ByteBufOutputStream(out)) {
      frame.writeTo(stream);
    }
  }

  @Override
  protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out)
      throws IOException {
    if (in.readableBytes() < LENGTH_BYTES) {
      return;
    }
    int at = in.readerIndex();
    int length = in.getInt(at);
    if (length < 0 || length > maxTakenBytes) {
      boolean tls = TlsFailures.isTls(in.getUnsignedByte(at), in.getUnsignedByte(at + 1));
      // The rest is no frame either.
      in.skipBytes(in.readableBytes());
      if (tls) {
        throw TlsException.here();
      }
      throw new TooLongFrameException(
          "a frame of %s bytes; at most %d are taken"
              .formatted(Integer.toUnsignedString(length), maxTakenBytes));
    }
    if (in.readableBytes() < LENGTH_BYTES + length) {
      return;
    }
    in.skipBytes(LENGTH_BYTES);
    try (ByteBufInputStream stream = new ByteBufInputStream(in, length)) {
      out.add(readable(Frame.parseFrom(stream)));
    }
  }

  /** A refusal's words come to a terminal. */
  private static Frame readable(Frame frame) {
    if (!frame.hasRefusal()) {
      return frame;
    }
    String detail = IdentityCodec.sentence(frame.getRefusal().getDetail());
    return frame.toBuilder().setRefusal(frame.getRefusal().toBuilder().setDetail(detail)).build();
  }
}
