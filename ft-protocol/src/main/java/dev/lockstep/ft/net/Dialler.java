package dev.lockstep.ft.net;

import dev.lockstep.ft.tls.TlsFailures;
import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.ft.wire.WireException;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.ft.wire.proto.Refusal;
import dev.lockstep.ft.wire.proto.Welcome;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.ssl.SslContext;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** Dials and greets; its callers may wait. */
final class Dialler implements AutoCloseable {
  /** The other side said no. */
  static final class RefusedException extends IOException {
    private static final long serialVersionUID = 1L;
    private final transient Refusal refusal;

    private RefusedException(Refusal refusal) {
      super(refusal.getDetail());
      this.refusal = refusal;
    }

    Refusal refusal() {
      return refusal;
    }
  }

  private final EventLoopGroup threads = LinkThreads.start();
  private final TransportLimits limits;
  private final @Nullable TlsIdentity tls;

  /**
   * @param tls how this end shows who it is, and what it demands; null for connections in the clear
   */
  Dialler(TransportLimits limits, @Nullable TlsIdentity tls) {
    this.limits = limits;
    this.tls = tls;
  }

  /**
   * Connects, with TLS up to the end of the handshake.
   *
   * @throws TlsException if the two ends do not take each other
   */
  FrameChannel connect(InetSocketAddress address) throws IOException, InterruptedException {
    CompletableFuture<FrameChannel> made = new CompletableFuture<>();
    // A new context each time: it resumes no session, so each connection shows and sees
    // certificates.
    SslContext secure = tls == null ? null : tls.client();
    ChannelFuture connected =
        new Bootstrap()
            .group(threads)
            .channel(LinkThreads.connection())
            .option(ChannelOption.TCP_NODELAY, true)
            .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, limits.connectTimeoutMillis())
            .handler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    if (secure != null) {
                      SecureChannel.dialling(channel, secure, address, limits);
                    }
                    FrameChannel frames = FrameChannel.on(channel, limits);
                    frames.admit();
                    made.complete(frames);
                  }
                })
            .connect(address)
            .await();
    if (!connected.isSuccess()) {
      throw connected.cause() instanceof IOException e ? e : new IOException(connected.cause());
    }
    FrameChannel connection = made.join();
    if (secure != null) {
      Throwable failure = SecureChannel.awaitHandshake(connection.channel());
      if (failure != null) {
        connection.channel().close();
        throw TlsException.with(address, failure);
      }
    }
    return connection;
  }

  /**
   * Sends the first frame and waits to be taken.
   *
   * @throws RefusedException if the other side says no
   */
  Welcome greet(FrameChannel connection, Frame greeting)
      throws IOException, InterruptedException, TimeoutException {
    CompletableFuture<Frame> answer = new CompletableFuture<>();
    connection.deliverOneTo(answer::complete);
    connection
        .channel()
        .closeFuture()
        .addListener(done -> answer.completeExceptionally(closed(connection)));
    connection.channel().writeAndFlush(greeting);
    try {
      Frame frame = answer.get(limits.handshakeTimeoutMillis(), TimeUnit.MILLISECONDS);
      return switch (frame.getBodyCase()) {
        case WELCOME -> frame.getWelcome();
        case REFUSAL -> throw new RefusedException(frame.getRefusal());
        default -> throw new WireException("no answer to a greeting: " + frame.getBodyCase());
      };
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
    }
  }

  /** Why a connection closed before it was answered. A server that takes no certificate of ours says so only then. */
  private static IOException closed(FrameChannel connection) {
    Throwable failure = connection.failure();
    if (failure instanceof TlsException || TlsFailures.describe(failure).isPresent()) {
      return TlsException.with(connection.channel().remoteAddress(), failure);
    }
    return new IOException(connection.reason("closed"));
  }

  @Override
  public void close() {
    threads.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
