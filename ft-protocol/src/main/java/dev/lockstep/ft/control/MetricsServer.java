package dev.lockstep.ft.control;

import dev.lockstep.engine.VmmException;
import io.prometheus.metrics.exporter.httpserver.HTTPServer;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;

/** Serves {@code GET /metrics} to Prometheus, on loopback alone: it asks nobody who they are. */
public final class MetricsServer implements AutoCloseable {
  private final HTTPServer server;

  private MetricsServer(HTTPServer server) {
    this.server = server;
  }

  /**
   * Starts to serve.
   *
   * @param address port 0 for any free one
   * @throws VmmException if the address is in use, or not one of loopback
   */
  public static MetricsServer start(ControlledVms vms, InetSocketAddress address) {
    if (address.getAddress() == null || !address.getAddress().isLoopbackAddress()) {
      throw new VmmException(
          "metrics are served on loopback only, and %s is not".formatted(address.getHostString()),
          "Give 127.0.0.1:PORT, and put a proxy that knows its clients before it.");
    }
    PrometheusRegistry registry = new PrometheusRegistry();
    registry.register(new VmMetrics(vms));
    try {
      return new MetricsServer(
          HTTPServer.builder()
              .inetAddress(address.getAddress())
              .port(address.getPort())
              .registry(registry)
              .buildAndStart());
    } catch (IOException e) {
      throw new VmmException(
          "metrics cannot be served at %s:%d: %s"
              .formatted(address.getHostString(), address.getPort(), e.getMessage()),
          "Give another port, or end who uses it.",
          e);
    }
  }

  /** The port it listens on. */
  public int port() {
    return server.getPort();
  }

  @Override
  public void close() {
    server.close();
  }
}
