package dev.lockstep.ft.net;

import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.WireException;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.ft.wire.proto.Refusal;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.DecoderException;
import java.util.ArrayDeque;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * One connection. Frames go to whoever has asked for them last; those that come in between wait, and from some number on nothing is read. Anything that goes wrong closes the
 * connection, and the reason is kept for whoever looks.
 */
final class FrameChannel extends SimpleChannelInboundHandler<Frame> {
  /** Takes frames, on the connection's event loop. */
  @FunctionalInterface
  interface Target {
    void frame(Frame frame) throws WireException;
  }

  private static final int MAX_WAITING_FRAMES = 64;

  private final Channel channel;
  private final ArrayDeque<Frame> waiting = new ArrayDeque<>();
  private @Nullable Target target;
  private volatile @Nullable Throwable failure;
  private final FrameCodec codec;

  private FrameChannel(Channel channel, FrameCodec codec) {
    this.channel = channel;
    this.codec = codec;
  }

  /** Puts frames on a new connection. */
  static FrameChannel on(Channel channel, TransportLimits limits) {
    FrameCodec codec = new FrameCodec(limits);
    FrameChannel frames = new FrameChannel(channel, codec);
    channel.pipeline().addLast(codec, frames);
    return frames;
  }

  /** The other end is known: from now on its frames may be large. On the connection's own thread, or before it is connected. */
  void admit() {
    codec.admit();
  }

  Channel channel() {
    return channel;
  }

  /** Why it was closed, if this side knows. */
  String reason(String otherwise) {
    Throwable known = failure;
    return known == null ? otherwise : String.valueOf(known.getMessage());
  }

  /** Keeps why it is being closed, for whoever looks; what was first counts. On the connection's own thread. */
  void note(Throwable why) {
    if (failure == null) {
      failure = why;
    }
  }

  /** What went wrong on this side; null if nothing did. */
  @Nullable Throwable failure() {
    return failure;
  }

  /** From now on frames go to {@code next}, those that wait first. Any thread. */
  void deliverTo(Target next) {
    try {
      channel.eventLoop().execute(() -> drainTo(next));
    } catch (RejectedExecutionException _) {
      // Its owner has closed everything meanwhile: no frame will come.
    }
  }

  private void drainTo(Target next) {
    target = next;
    try {
      Frame frame = waiting.poll();
      while (frame != null && target == next) {
        next.frame(frame);
        frame = waiting.poll();
      }
      if (waiting.size() < MAX_WAITING_FRAMES) {
        channel.config().setAutoRead(true);
      }
    } catch (WireException e) {
      fail(e);
    }
  }

  /** The first frame that waits for somebody to take it; null if none does. On the connection's own thread. */
  @Nullable Frame firstWaiting() {
    return waiting.peek();
  }

  /** The next frame goes to {@code next}; those after it wait. Any thread. */
  void deliverOneTo(Target next) {
    deliverTo(frame -> {
      target = null;
      next.frame(frame);
    });
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, Frame frame) throws WireException {
    Target now = target;
    if (now != null) {
      now.frame(frame);
    } else {
      waiting.add(frame);
      if (waiting.size() == MAX_WAITING_FRAMES) {
        // What was read with it still comes; the rest waits in the kernel.
        channel.config().setAutoRead(false);
      }
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    fail(cause);
  }

  private void fail(Throwable cause) {
    Throwable inner = cause instanceof DecoderException ? cause.getCause() : null;
    Throwable real = inner == null ? cause : inner;
    note(real);
    if (real instanceof TlsException) {
      // Whoever speaks TLS finds by this that nobody does here.
      Refusal refusal =
          PeerIdentity.refusal(Refusal.Reason.NOT_UNDERSTOOD, String.valueOf(real.getMessage()));
      sendAndClose(Frame.newBuilder().setRefusal(refusal).build());
      return;
    }
    channel.close();
  }

  /** Sends a last frame and closes. */
  void sendAndClose(Frame last) {
    channel.writeAndFlush(last).addListener(sent -> channel.close());
  }
}
