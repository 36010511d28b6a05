package dev.lockstep.ft.net;

import dev.lockstep.ft.wire.WireException;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.ft.wire.proto.Refusal;
import dev.lockstep.ft.wire.proto.Welcome;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

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

  private static final int THREADS = 2;

  private final MultiThreadIoEventLoopGroup threads =
      new MultiThreadIoEventLoopGroup(THREADS, NioIoHandler.newFactory());
  private final TransportLimits limits;

  Dialler(TransportLimits limits) {
    this.limits = limits;
  }

  /** Connects. */
  FrameChannel connect(InetSocketAddress address) throws IOException, InterruptedException {
    CompletableFuture<FrameChannel> made = new CompletableFuture<>();
    ChannelFuture connected =
        new Bootstrap()
            .group(threads)
            .channel(NioSocketChannel.class)
            .option(ChannelOption.TCP_NODELAY, true)
            .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, limits.connectTimeoutMillis())
            .handler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    made.complete(FrameChannel.on(channel, limits));
                  }
                })
            .connect(address)
            .await();
    if (!connected.isSuccess()) {
      throw connected.cause() instanceof IOException e ? e : new IOException(connected.cause());
    }
    return made.join();
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
        .addListener(done -> answer.completeExceptionally(new IOException("closed")));
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

  @Override
  public void close() {
    threads.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
