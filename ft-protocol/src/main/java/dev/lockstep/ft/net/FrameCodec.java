package dev.lockstep.ft.net;

import dev.lockstep.ft.wire.proto.Frame;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufInputStream;
import io.netty.buffer.ByteBufOutputStream;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.ByteToMessageCodec;
import io.netty.handler.codec.TooLongFrameException;
import java.io.IOException;
import java.util.List;

/** Frames on a connection: each behind its length, 32 bits, big-endian. */
final class FrameCodec extends ByteToMessageCodec<Frame> {
  private static final int LENGTH_BYTES = Integer.BYTES;

  private final int maxFrameBytes;

  private FrameCodec(int maxFrameBytes) {
    this.maxFrameBytes = maxFrameBytes;
  }

  static void install(ChannelPipeline pipeline, TransportLimits limits) {
    pipeline.addLast(new FrameCodec(limits.maxFrameBytes()));
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
    int length = in.getInt(in.readerIndex());
    if (length < 0 || length > maxFrameBytes) {
      throw new TooLongFrameException(
          "a frame of %s bytes; at most %d are taken"
              .formatted(Integer.toUnsignedString(length), maxFrameBytes));
    }
    if (in.readableBytes() < LENGTH_BYTES + length) {
      return;
    }
    in.skipBytes(LENGTH_BYTES);
    try (ByteBufInputStream stream = new ByteBufInputStream(in, length)) {
      out.add(Frame.parseFrom(stream));
    }
  }
}
