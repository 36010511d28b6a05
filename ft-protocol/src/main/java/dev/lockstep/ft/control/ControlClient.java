package dev.lockstep.ft.control;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.proto.ControlServiceGrpc;
import dev.lockstep.ft.control.proto.ControlServiceGrpc.ControlServiceBlockingStub;
import dev.lockstep.ft.control.proto.ControlServiceGrpc.ControlServiceStub;
import dev.lockstep.ft.tls.TlsIdentity;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.util.concurrent.TimeUnit;

/** A client of one control port. Connects when it is used, and again when it must. Safe for use by several threads. */
public final class ControlClient implements AutoCloseable {
  private static final long CLOSE_MILLIS = 500;

  private final ControlAddress address;
  private final EventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(
          1,
          Thread.ofPlatform().daemon().name("control-client-", 0).factory(),
          NioIoHandler.newFactory());
  private final ManagedChannel channel;

  /**
   * A client of the control port at an address. Whether anybody is there, the first call finds out.
   *
   * @throws VmmException if its TLS files cannot be used
   */
  public ControlClient(ControlAddress address) {
    this.address = address;
    channel =
        switch (address) {
          case ControlAddress.Socket it ->
              NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(it.path()))
                  .channelType(NioDomainSocketChannel.class, UnixDomainSocketAddress.class)
                  .eventLoopGroup(loop)
                  .usePlaintext()
                  .maxInboundMessageSize(ControlLimits.MAX_ANSWER_BYTES)
                  .build();
          case ControlAddress.Tls it -> tls(it);
        };
  }

  private ManagedChannel tls(ControlAddress.Tls address) {
    NettyChannelBuilder builder =
        NettyChannelBuilder.forAddress(
                address.address().getHostString(), address.address().getPort())
            .channelType(NioSocketChannel.class)
            .eventLoopGroup(loop)
            .sslContext(TlsIdentity.load(address.files()).grpcClient())
            .keepAliveTime(ControlLimits.KEEPALIVE_NANOS, TimeUnit.NANOSECONDS)
            .keepAliveTimeout(ControlLimits.KEEPALIVE_TIMEOUT_NANOS, TimeUnit.NANOSECONDS)
            .maxInboundMessageSize(ControlLimits.MAX_ANSWER_BYTES);
    if (address.serverName() != null) {
      builder.overrideAuthority(address.serverName());
    }
    return builder.build();
  }

  /** Where it is. */
  public ControlAddress address() {
    return address;
  }

  /** Calls that wait for their answer. */
  public ControlServiceBlockingStub calls() {
    return ControlServiceGrpc.newBlockingStub(channel);
  }

  /** Calls that answer by themselves. */
  public ControlServiceStub streams() {
    return ControlServiceGrpc.newStub(channel);
  }

  /** The channel, for other services of the port: health and reflection. */
  public ManagedChannel channel() {
    return channel;
  }

  /** What a call failed with, for people: what happened and what to do. */
  public VmmException failure(StatusRuntimeException status) {
    VmmException told = Failures.told(status);
    if (told != null) {
      return told;
    }
    return switch (status.getStatus().getCode()) {
      case UNAVAILABLE ->
          new VmmException(
              "nobody serves a control port at %s%s".formatted(address, because(status)),
              "Start 'lockstep daemon', or a VM with --control; or name where it is.",
              status);
      case DEADLINE_EXCEEDED ->
          new VmmException(
              "%s gave no answer in time; what was begun there goes on".formatted(address),
              "Look at the VM's status, or give a longer --timeout.",
              status);
      default ->
          new VmmException(
              "%s answered %s%s".formatted(address, status.getStatus().getCode(), because(status)),
              "See the log of the process there.",
              status);
    };
  }

  private static String because(StatusRuntimeException status) {
    Status told = status.getStatus();
    Throwable cause = told.getCause();
    String detail =
        cause != null && cause.getMessage() != null ? cause.getMessage() : told.getDescription();
    return detail == null || detail.isEmpty() ? "" : " (%s)".formatted(detail);
  }

  @Override
  public void close() {
    channel.shutdownNow();
    try {
      // Its last words need the loop.
      channel.awaitTermination(CLOSE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    loop.shutdownGracefully(0, CLOSE_MILLIS, TimeUnit.MILLISECONDS);
  }
}
