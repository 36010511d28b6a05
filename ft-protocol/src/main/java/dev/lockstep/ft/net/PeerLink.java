package dev.lockstep.ft.net;

import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.wire.MessageCodec;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.WireException;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.ft.wire.proto.Refusal;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.ssl.SslHandler;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Two connections to one peer after the handshake. When one breaks, both are closed and the link is lost. */
final class PeerLink {
  /** How long the peer may take to read what was said last. */
  private static final int PARTING_MILLIS = 500;

  private final CompletableFuture<@Nullable Void> parted = new CompletableFuture<>();
  private final PeerIdentity peer;
  private final FrameChannel control;
  private final FrameChannel bulk;
  private final TransportLimits limits;
  private final LinkListener listener;
  private final AtomicInteger controlQueuedBytes = new AtomicInteger();
  private final AtomicInteger bulkQueuedBytes = new AtomicInteger();
  private final AtomicLong droppedMessages = new AtomicLong();
  private final AtomicBoolean closed = new AtomicBoolean();

  PeerLink(
      PeerIdentity peer,
      FrameChannel control,
      FrameChannel bulk,
      TransportLimits limits,
      LinkListener listener) {
    this.peer = peer;
    this.control = control;
    this.bulk = bulk;
    this.limits = limits;
    this.listener = listener;
  }

  /** Tells the listener, and takes messages from here on. */
  void open() {
    listener.linkUp(peer, control.channel().eventLoop());
    control.deliverTo(this::received);
    bulk.deliverTo(this::received);
    control
        .channel()
        .closeFuture()
        .addListener(done -> close(control.reason("the control connection closed")));
    bulk.channel()
        .closeFuture()
        .addListener(done -> close(bulk.reason("the bulk connection closed")));
  }

  PeerIdentity peer() {
    return peer;
  }

  /** Whether both connections are still there. */
  boolean isOpen() {
    return !closed.get();
  }

  /** Messages that were dropped because the peer does not take them fast enough. */
  long droppedMessages() {
    return droppedMessages.get();
  }

  /** Queues a message; drops it if the bound is reached. Any thread. */
  void send(Message message) {
    boolean large =
        message instanceof Message.Records || message instanceof Message.CheckpointChunk;
    FrameChannel connection = large ? bulk : control;
    AtomicInteger queued = large ? bulkQueuedBytes : controlQueuedBytes;
    Frame frame = MessageCodec.encode(message);
    int size = frame.getSerializedSize();
    if (queued.get() + size > limits.maxQueuedBytes()) {
      droppedMessages.incrementAndGet();
      return;
    }
    queued.addAndGet(size);
    // The listener before the write: behind it, the connection's thread may have written already,
    // and would be woken once more only to be told so.
    ChannelPromise written = connection.channel().newPromise();
    written.addListener(sent -> queued.addAndGet(-size));
    connection.channel().writeAndFlush(frame, written);
  }

  /** Tells the peer why it is not wanted, and closes. */
  void refuse(Refusal refusal) {
    control.sendAndClose(Frame.newBuilder().setRefusal(refusal).build());
  }

  /** Parts from the peer; the listener is told once, whoever was first. */
  void close(String why) {
    if (closed.compareAndSet(false, true)) {
      part();
      listener.linkLost(peer.instance(), why);
    }
  }

  /**
   * Lets the last that was said arrive. A connection that is closed with bytes unread is reset at once (RFC 2525, 2.17), and a reset takes with it what the peer has not read yet: here, why a backup leaves.
   * So the control connection only ends what this side says, what still comes is thrown away, and both are closed when the peer has done so, or has not for some time.
   */
  private void part() {
    Channel channel = control.channel();
    channel
        .closeFuture()
        .addListener(done -> bulk.channel().close().addListener(closed -> parted.complete(null)));
    try {
      channel.eventLoop().schedule(() -> channel.close(), PARTING_MILLIS, TimeUnit.MILLISECONDS);
      channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(said -> endOutput(channel));
    } catch (RejectedExecutionException e) {
      // Its owner has closed everything meanwhile.
      parted.complete(null);
    }
  }

  private static void endOutput(Channel channel) {
    SslHandler tls = channel.pipeline().get(SslHandler.class);
    if (tls != null) {
      tls.closeOutbound().addListener(told -> ((DuplexChannel) channel).shutdownOutput());
    } else {
      ((DuplexChannel) channel).shutdownOutput();
    }
  }

  /** Waits until both connections are closed, which a peer that lives does soon. */
  void awaitParted() {
    try {
      parted.get(2 * PARTING_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      // Whoever waits closes everything now.
    }
  }

  private void received(Frame frame) throws WireException {
    if (closed.get()) {
      return;
    }
    if (frame.getBodyCase() == Frame.BodyCase.REFUSAL) {
      listener.peerRefused(frame.getRefusal());
      close("the peer refused: " + frame.getRefusal().getDetail());
    } else if (!listener.received(peer.instance(), MessageCodec.decode(frame))) {
      close("the peer sends more than it may");
    }
  }
}
