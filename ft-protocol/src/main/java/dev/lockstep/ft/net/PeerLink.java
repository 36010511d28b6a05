package dev.lockstep.ft.net;

import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.wire.MessageCodec;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.WireException;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.ft.wire.proto.Refusal;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Two connections to one peer after the handshake. When one breaks, both are closed and the link is lost. */
final class PeerLink {
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
    listener.linkUp(peer);
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
    connection.channel().writeAndFlush(frame).addListener(sent -> queued.addAndGet(-size));
  }

  /** Tells the peer why it is not wanted, and closes. */
  void refuse(Refusal refusal) {
    control.sendAndClose(Frame.newBuilder().setRefusal(refusal).build());
  }

  /** Closes both connections; the listener is told once, whoever was first. */
  void close(String why) {
    if (closed.compareAndSet(false, true)) {
      // The control connection first, so that the peer reads the last that was said there before it
      // sees that the link is gone.
      control.channel().close().addListener(done -> bulk.channel().close());
      listener.linkLost(peer.instance(), why);
    }
  }

  private void received(Frame frame) throws WireException {
    if (frame.getBodyCase() == Frame.BodyCase.REFUSAL) {
      listener.peerRefused(frame.getRefusal());
      close("the peer refused: " + frame.getRefusal().getDetail());
    } else if (!listener.received(peer.instance(), MessageCodec.decode(frame))) {
      close("the peer sends more than it may");
    }
  }
}
