package dev.lockstep.ft.control;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.proto.ControlServiceGrpc;
import dev.lockstep.ft.tls.TlsIdentity;
import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionService;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

/** Serves the control port at one or more addresses, with health and reflection. */
public final class ControlServer implements AutoCloseable {
  private static final int EVENT_LOOPS = 2;

  /** How long calls may take to end when it closes. */
  private static final long DRAIN_MILLIS = 2_000;

  /** How long those may take that are cut off. */
  private static final long CUT_MILLIS = 500;

  private final EventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(
          EVENT_LOOPS,
          Thread.ofPlatform().daemon().name("control-", 0).factory(),
          NioIoHandler.newFactory());
  private final ThreadFactory calls = Thread.ofVirtual().name("control-call").factory();
  private final HealthStatusManager health = new HealthStatusManager();
  private final ControlledVms vms;
  private final ControlService service;
  private final List<Server> servers = new ArrayList<>();
  private final List<SocketFile> sockets = new ArrayList<>();
  private final List<InetSocketAddress> tcp = new ArrayList<>();

  private ControlServer(ControlledVms vms) {
    this.vms = vms;
    service = new ControlService(vms, new VmMetrics(vms));
  }

  /**
   * Starts to serve.
   *
   * @throws VmmException if an address is in use or cannot be used
   */
  public static ControlServer start(ControlledVms vms, List<ControlAddress> addresses) {
    ControlServer server = new ControlServer(vms);
    try {
      for (ControlAddress address : addresses) {
        switch (address) {
          case ControlAddress.Socket it -> server.listen(it);
          case ControlAddress.Tls it -> server.listen(it);
        }
      }
      server.health.setStatus(ControlServiceGrpc.SERVICE_NAME, ServingStatus.SERVING);
      return server;
    } catch (RuntimeException e) {
      server.close();
      throw e;
    }
  }

  private void listen(ControlAddress.Socket address) {
    SocketFile socket = SocketFile.claim(address.path());
    sockets.add(socket);
    start(
        NettyServerBuilder.forAddress(socket.bindAddress())
            .channelType(NioServerDomainSocketChannel.class),
        address);
    socket.publish();
  }

  private void listen(ControlAddress.Tls address) {
    Server server =
        start(
            NettyServerBuilder.forAddress(address.address())
                .channelType(NioServerSocketChannel.class)
                .sslContext(TlsIdentity.load(address.files()).grpcServer()),
            address);
    server.getListenSockets().forEach(bound -> tcp.add((InetSocketAddress) bound));
  }

  private Server start(NettyServerBuilder builder, ControlAddress address) {
    Server server =
        builder
            .bossEventLoopGroup(loops)
            .workerEventLoopGroup(loops)
            .executor(task -> calls.newThread(task).start())
            .maxInboundMessageSize(ControlLimits.MAX_MESSAGE_BYTES)
            .maxInboundMetadataSize(ControlLimits.MAX_METADATA_BYTES)
            .maxConcurrentCallsPerConnection(ControlLimits.MAX_CALLS_PER_CONNECTION)
            .handshakeTimeout(ControlLimits.HANDSHAKE_TIMEOUT_NANOS, TimeUnit.NANOSECONDS)
            .keepAliveTime(ControlLimits.KEEPALIVE_NANOS, TimeUnit.NANOSECONDS)
            .keepAliveTimeout(ControlLimits.KEEPALIVE_TIMEOUT_NANOS, TimeUnit.NANOSECONDS)
            .permitKeepAliveTime(ControlLimits.MIN_CLIENT_KEEPALIVE_NANOS, TimeUnit.NANOSECONDS)
            .permitKeepAliveWithoutCalls(true)
            .addService(service)
            .addService(health.getHealthService())
            .addService(ProtoReflectionServiceV1.newInstance())
            .addService(oldReflection())
            .build();
    try {
      server.start();
    } catch (IOException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new VmmException(
          "the control port cannot listen at %s: %s".formatted(address, cause.getMessage()),
          "Give another address, or end who uses it.",
          e);
    }
    servers.add(server);
    return server;
  }

  /** Reflection as older clients know it: v1alpha. */
  @SuppressWarnings("deprecation")
  private static BindableService oldReflection() {
    return ProtoReflectionService.newInstance();
  }

  /** Where it listens by TCP, in the order in which that was asked for. */
  public List<InetSocketAddress> tcpAddresses() {
    return List.copyOf(tcp);
  }

  /** Consoles and watchers of events that are open now. */
  public int openStreams() {
    return service.openStreams();
  }

  /** Takes no more calls, and ends those under way. No more events of its VMs are told then; consoles end with their VM. */
  @Override
  public void close() {
    vms.events().close();
    health.enterTerminalState();
    servers.forEach(Server::shutdown);
    boolean interrupted = false;
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(DRAIN_MILLIS);
    for (Server server : servers) {
      try {
        if (!server.awaitTermination(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          // The last words of what is cut off need the loops.
          server.shutdownNow().awaitTermination(CUT_MILLIS, TimeUnit.MILLISECONDS);
        }
      } catch (InterruptedException e) {
        interrupted = true;
        server.shutdownNow();
      }
    }
    sockets.forEach(SocketFile::close);
    loops.shutdownGracefully(0, DRAIN_MILLIS, TimeUnit.MILLISECONDS);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
