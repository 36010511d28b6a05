package dev.lockstep.cli.dashboard;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.ControlledVms;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.flow.FlowControlHandler;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.json.JsonMapper;

/** Serves the dashboard of a process's VMs, until it is closed. */
public final class Dashboard implements AutoCloseable {
  private static final long DRAIN_MILLIS = 2_000;

  private final EventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(
          1,
          Thread.ofPlatform().daemon().name("dashboard-", 0).factory(),
          NioIoHandler.newFactory());
  private final ChannelGroup channels = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final Sampler sampler;
  private final Streams streams;
  private final InetSocketAddress address;
  private final String url;

  private Dashboard(ControlledVms vms, InetSocketAddress wanted) {
    JsonMapper mapper = new JsonMapper();
    ConsoleRuns runs = new ConsoleRuns();
    sampler = new Sampler(vms, runs, mapper);
    Assets assets = new Assets();
    Actions actions = new Actions(vms, mapper);
    streams = new Streams(vms, runs, sampler, mapper);
    ServerBootstrap server =
        new ServerBootstrap().group(loop).channel(NioServerSocketChannel.class);
    // Nobody is accepted before the port is known, which cookies are named after.
    server.option(ChannelOption.AUTO_READ, false);
    Admission[] admission = new Admission[1];
    server.childHandler(
        new ChannelInitializer<SocketChannel>() {
          @Override
          protected void initChannel(SocketChannel channel) {
            if (channels.size() >= DashboardLimits.MAX_CONNECTIONS) {
              channel.close();
              return;
            }
            channels.add(channel);
            channel
                .pipeline()
                .addLast(new IdleStateHandler(DashboardLimits.IDLE_SECONDS, 0, 0))
                .addLast(
                    new HttpServerCodec(
                        new HttpDecoderConfig()
                            .setMaxInitialLineLength(DashboardLimits.MAX_REQUEST_LINE_CHARS)
                            .setMaxHeaderSize(DashboardLimits.MAX_HEADER_CHARS)))
                .addLast(new HttpObjectAggregator(DashboardLimits.MAX_BODY_BYTES))
                .addLast(PageHandler.FLOW, new FlowControlHandler())
                .addLast(new PageHandler(admission[0], assets, actions, sampler, streams, mapper));
          }
        });
    try {
      ChannelFuture bound = server.bind(wanted).awaitUninterruptibly();
      if (!bound.isSuccess()) {
        throw new VmmException(
            "the dashboard cannot listen at %s:%d: %s"
                .formatted(
                    wanted.getAddress().getHostAddress(),
                    wanted.getPort(),
                    bound.cause() == null ? "interrupted" : bound.cause().getMessage()),
            "Give another port, or end who uses it.");
      }
      address = (InetSocketAddress) bound.channel().localAddress();
      admission[0] = Admission.create(address.getPort());
      bound.channel().config().setAutoRead(true);
    } catch (RuntimeException e) {
      loop.shutdownGracefully(0, DRAIN_MILLIS, TimeUnit.MILLISECONDS);
      throw e;
    }
    url = "http://%s:%d/?token=%s".formatted(host(), address.getPort(), admission[0].token());
  }

  /**
   * Starts to serve.
   *
   * @param address one of loopback; port 0 for any free one
   * @throws VmmException if the address is in use, or not one of loopback
   */
  public static Dashboard start(ControlledVms vms, InetSocketAddress address) {
    InetAddress host = address.getAddress();
    if (host == null || !host.isLoopbackAddress()) {
      throw new VmmException(
          "the dashboard is served on loopback only, and %s is not"
              .formatted(address.getHostString()),
          "Give 127.0.0.1:PORT; from another host, reach it by a tunnel (ssh -L PORT:127.0.0.1:PORT).");
    }
    Dashboard dashboard = new Dashboard(vms, address);
    dashboard.sampler.start();
    return dashboard;
  }

  private String host() {
    String text = address.getAddress().getHostAddress();
    return address.getAddress() instanceof Inet6Address
        ? "[" + (text.indexOf('%') < 0 ? text : text.substring(0, text.indexOf('%'))) + "]"
        : text;
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return address;
  }

  /** What a user opens; who knows it is let in. */
  public String url() {
    return url;
  }

  /** States and consoles that are being followed now. */
  public int openStreams() {
    return streams.open();
  }

  @Override
  public void close() {
    sampler.close();
    channels.close().awaitUninterruptibly(DRAIN_MILLIS);
    loop.shutdownGracefully(0, DRAIN_MILLIS, TimeUnit.MILLISECONDS);
  }
}
