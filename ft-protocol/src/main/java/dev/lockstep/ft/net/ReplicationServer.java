package dev.lockstep.ft.net;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.tls.TlsFailures;
import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.ft.wire.IdentityCodec;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.WireException;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.ft.wire.proto.Hello;
import dev.lockstep.ft.wire.proto.Invitation;
import dev.lockstep.ft.wire.proto.Refusal;
import dev.lockstep.ft.wire.proto.Welcome;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.handler.ssl.SslContext;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Where backups dial in. A connection says who it is; a peer that cannot be one is told why and shut out. A replica that is not a primary listens as well (so
 * that a port in use shows at the start) and refuses everyone.
 */
public final class ReplicationServer implements AutoCloseable {
  private static final int MAX_PORT = 65_535;

  private final TransportLimits limits;
  private final Admission admission;
  private final LinkListener listener;
  private final EventLoopGroup threads;
  private final ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final Map<ReplicaInstance, FrameChannel> controlsWaiting = new ConcurrentHashMap<>();
  private final Map<ReplicaInstance, PeerLink> links = new ConcurrentHashMap<>();
  private final Newcomers newcomers;
  private final @Nullable SslContext tls;
  private final Channel listening;

  /** Listens, in the clear. */
  public ReplicationServer(
      InetSocketAddress address,
      Admission admission,
      LinkListener listener,
      TransportLimits limits) {
    this(address, admission, listener, limits, null);
  }

  /**
   * Listens.
   *
   * @param address port 0 for any free one
   * @param tls how this end shows who it is, and what it demands of those who dial; null for connections in the clear
   * @throws VmmException if the address cannot be bound
   */
  public ReplicationServer(
      InetSocketAddress address,
      Admission admission,
      LinkListener listener,
      TransportLimits limits,
      @Nullable TlsIdentity tls) {
    this.admission = admission;
    this.listener = listener;
    this.limits = limits;
    this.tls = tls == null ? null : tls.server();
    Warmup.begin(limits, tls);
    newcomers = new Newcomers(limits.maxConnections());
    threads = LinkThreads.start();
    var bound =
        new ServerBootstrap()
            .group(threads)
            .channel(LinkThreads.listener())
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    accepted(channel);
                  }
                })
            .bind(address)
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      threads.shutdownGracefully(0, 1, TimeUnit.SECONDS);
      throw new VmmException(
          "cannot listen on %s: %s".formatted(text(address), bound.cause().getMessage()),
          "Name another address or port, or end the process that uses it.",
          bound.cause());
    }
    listening = bound.channel();
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return (InetSocketAddress) listening.localAddress();
  }

  /** Sends to that peer if it is linked; best effort. Any thread. */
  public void send(ReplicaInstance to, Message message) {
    PeerLink link = links.get(to);
    if (link != null) {
      link.send(message);
    }
  }

  /** Messages dropped so far on present links because a peer does not take them fast enough. */
  public long droppedMessages() {
    return links.values().stream().mapToLong(PeerLink::droppedMessages).sum();
  }

  private void accepted(Channel channel) {
    connections.add(channel);
    newcomers.arrived(channel);
    if (tls != null) {
      SecureChannel.dialled(channel, tls, limits);
    }
    FrameChannel connection = FrameChannel.on(channel, limits);
    var deadline =
        channel
            .eventLoop()
            .schedule(
                () -> {
                  listener.shutOut(
                      "%s did not say who it is".formatted(text(channel.remoteAddress())));
                  channel.close();
                },
                limits.handshakeTimeoutMillis(),
                TimeUnit.MILLISECONDS);
    AtomicBoolean greeted = new AtomicBoolean();
    connection.deliverOneTo(frame -> {
      deadline.cancel(false);
      greeted.set(true);
      hello(connection, frame);
    });
    channel
        .closeFuture()
        .addListener(done -> {
          deadline.cancel(false);
          newcomers.left(channel);
          if (!greeted.get()) {
            tellMismatch(channel, connection.failure());
          }
          Frame last = connection.firstWaiting();
          if (controlsWaiting.values().remove(connection)
              && last != null
              && last.getBodyCase() == Frame.BodyCase.REFUSAL) {
            listener.peerRefused(last.getRefusal());
          }
        });
  }

  /** Tells of somebody who came without TLS, with it, or with the wrong certificate. The port is left out, so that one sentence is told once in a row. */
  private void tellMismatch(Channel channel, @Nullable Throwable failure) {
    Optional<String> why =
        failure instanceof TlsException
            ? Optional.ofNullable(failure.getMessage())
            : TlsFailures.describe(failure);
    why.ifPresent(sentence ->
        listener.shutOut(
            "%s was shut out: %s"
                .formatted(
                    channel.remoteAddress() instanceof InetSocketAddress inet
                        ? inet.getAddress().getHostAddress()
                        : "somebody",
                    sentence)));
  }

  private void hello(FrameChannel connection, Frame frame) throws WireException {
    if (frame.getBodyCase() == Frame.BodyCase.INVITATION) {
      invitation(connection, frame.getInvitation());
      return;
    }
    if (frame.getBodyCase() != Frame.BodyCase.HELLO
        || frame.getHello().getChannel() == Hello.Channel.UNRECOGNIZED) {
      refuse(
          connection,
          PeerIdentity.refusal(
              Refusal.Reason.NOT_UNDERSTOOD, "a connection between replicas begins with Hello"));
      return;
    }
    PeerIdentity peer = IdentityCodec.decode(frame.getHello().getIdentity());
    Refusal refusal = admission.closed();
    if (refusal == null) {
      refusal = admission.self().refusalOf(peer);
    }
    if (refusal != null) {
      refuse(connection, refusal);
      return;
    }
    newcomers.left(connection.channel());
    if (connections.size() - newcomers.count() > limits.maxConnections()) {
      connection.channel().close();
      return;
    }
    connection.admit();
    connection.channel().writeAndFlush(welcome());
    if (frame.getHello().getChannel() == Hello.Channel.CONTROL) {
      controlsWaiting.put(peer.instance(), connection);
    } else {
      bulkArrived(peer, connection);
    }
  }

  private void invitation(FrameChannel connection, Invitation invitation) throws WireException {
    PeerIdentity primary = IdentityCodec.decode(invitation.getIdentity());
    Refusal refusal = admission.uninvitable();
    if (refusal == null) {
      refusal = admission.self().refusalOf(primary);
    }
    int port = invitation.getPort();
    if (refusal == null && (port < 1 || port > MAX_PORT)) {
      throw new WireException("an invitation to port " + port);
    }
    if (refusal != null) {
      refuse(connection, refusal);
      return;
    }
    connection.sendAndClose(welcome());
    InetSocketAddress from = (InetSocketAddress) connection.channel().remoteAddress();
    listener.invited(primary, new InetSocketAddress(named(connection.channel(), from), port));
  }

  /** With TLS, the address has the name in the inviter's certificate: whoever answers there must be who invited. */
  private static InetAddress named(Channel channel, InetSocketAddress from) {
    Optional<String> name = SecureChannel.peerName(channel);
    try {
      return name.isPresent()
          ? InetAddress.getByAddress(name.get(), from.getAddress().getAddress())
          : from.getAddress();
    } catch (UnknownHostException e) {
      throw new IllegalStateException("an address has the wrong length", e);
    }
  }

  private void bulkArrived(PeerIdentity peer, FrameChannel bulk) {
    FrameChannel control = controlsWaiting.remove(peer.instance());
    if (control == null) {
      refuse(
          bulk,
          PeerIdentity.refusal(
              Refusal.Reason.NOT_UNDERSTOOD, "the control connection comes before the bulk one"));
      return;
    }
    PeerLink link = new PeerLink(peer, control, bulk, limits, new Forgetting());
    PeerLink before = links.put(peer.instance(), link);
    if (before != null) {
      before.close("the peer has dialled anew");
    }
    link.open();
  }

  private Frame welcome() {
    Welcome.Builder welcome =
        Welcome.newBuilder().setIdentity(IdentityCodec.encode(admission.self()));
    ArbiterProof proof = admission.proof();
    if (proof != null) {
      welcome.setArbiterKey(proof.key()).setArbiterNonce(proof.nonce());
    }
    return Frame.newBuilder().setWelcome(welcome).build();
  }

  private void refuse(FrameChannel connection, Refusal refusal) {
    listener.shutOut(
        "%s was refused: %s"
            .formatted(text(connection.channel().remoteAddress()), refusal.getDetail()));
    connection.sendAndClose(Frame.newBuilder().setRefusal(refusal).build());
  }

  /** Stops listening and closes every connection. */
  @Override
  public void close() {
    listening.close().awaitUninterruptibly();
    List<PeerLink> left = List.copyOf(links.values());
    left.forEach(link -> link.close("closed by this side"));
    left.forEach(PeerLink::awaitParted);
    connections.close().awaitUninterruptibly();
    threads.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  static String text(@Nullable Object address) {
    return address instanceof InetSocketAddress inet
        ? inet.getHostString() + ":" + inet.getPort()
        : String.valueOf(address);
  }

  /** Drops a lost link from the table before the replica hears of it, unless a newer one has taken its place. */
  private final class Forgetting implements LinkListener {
    @Override
    public void linkUp(PeerIdentity peer, Executor thread) {
      listener.linkUp(peer, thread);
    }

    @Override
    public boolean received(ReplicaInstance from, Message message) {
      return listener.received(from, message);
    }

    @Override
    public void linkLost(ReplicaInstance peer, String why) {
      links.computeIfPresent(peer, (key, link) -> link.isOpen() ? link : null);
      if (!links.containsKey(peer)) {
        listener.linkLost(peer, why);
      }
    }

    @Override
    public void linkRefused(String why) {
      listener.linkRefused(why);
    }

    @Override
    public void shutOut(String sentence) {
      listener.shutOut(sentence);
    }

    @Override
    public void invited(PeerIdentity primary, InetSocketAddress address) {
      listener.invited(primary, address);
    }

    @Override
    public void peerRefused(Refusal refusal) {
      listener.peerRefused(refusal);
    }
  }
}
