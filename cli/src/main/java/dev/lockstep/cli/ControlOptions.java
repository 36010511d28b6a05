package dev.lockstep.cli;

import dev.lockstep.cli.control.ControlPort;
import dev.lockstep.cli.dashboard.Dashboard;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.ControlAddress;
import dev.lockstep.ft.control.ControlledVms;
import dev.lockstep.ft.tls.TlsFiles;
import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.vmm.config.MachineConfig;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Where a process can be steered. Without any of these options nothing of the control port is loaded. */
final class ControlOptions {
  private static final String SOCKET_NAME = "control.sock";

  @Option(
      names = "--control",
      paramLabel = "PATH",
      description = "Serves the control port on this Unix socket, mode 0600, for 'lockstep ctl'.")
  private @Nullable Path socket;

  @Option(
      names = "--control-tcp",
      paramLabel = "HOST:PORT",
      description =
          "Serves the control port there as well, by mutual TLS 1.3; needs --tls, or --tls-cert, --tls-key and --tls-ca.")
  private @Nullable String tcp;

  @Option(
      names = "--metrics",
      paramLabel = "HOST:PORT",
      description =
          "Serves Prometheus' GET /metrics there; loopback only, port 0 takes a free one.")
  private @Nullable String metrics;

  @Option(
      names = "--dashboard",
      paramLabel = "[HOST:]PORT",
      description =
          "Serves the web dashboard there and prints the address to open, which has a token; loopback only, port 0 takes a free one.")
  private @Nullable String dashboard;

  @Mixin private final TlsOptions tls = new TlsOptions();

  /**
   * The socket where a control port is if nobody says otherwise.
   *
   * @throws VmmException if this user has no folder for it
   */
  static Path defaultSocket() {
    String runtime = System.getenv("XDG_RUNTIME_DIR");
    if (runtime != null && !runtime.isEmpty()) {
      return Path.of(runtime, "lockstep", SOCKET_NAME);
    }
    Path system = Path.of("/run");
    if (Files.isWritable(system)) {
      return system.resolve("lockstep").resolve(SOCKET_NAME);
    }
    throw new VmmException(
        "XDG_RUNTIME_DIR is not set, so there is no usual place for the control port's socket",
        "Name one, in a folder of your own: --socket PATH.");
  }

  /**
   * Asks for a socket; the usual one if none is named.
   *
   * @param named by another option; null if it is not
   * @throws VmmException if both name one, or there is no usual one
   */
  void ask(@Nullable Path named) {
    if (named != null && socket != null) {
      throw new StatusException(
          ExitStatus.USAGE,
          new VmmException(
              "the control port's socket is named twice, '%s' and '%s'".formatted(named, socket),
              "Give one of them."));
    }
    if (socket == null) {
      socket = named == null ? defaultSocket() : named;
    }
  }

  /** Where the control port is to be; may be nowhere. */
  List<ControlAddress> addresses() {
    List<ControlAddress> addresses = new ArrayList<>();
    if (socket != null) {
      addresses.add(new ControlAddress.Socket(socket));
    }
    if (tcp != null) {
      TlsFiles files = tls.files();
      if (files == null) {
        throw new StatusException(
            ExitStatus.USAGE,
            new VmmException(
                "--control-tcp speaks mutual TLS alone, and neither --tls nor --tls-cert, --tls-key and --tls-ca is given",
                "Give a folder that 'lockstep pki issue' made, by --tls."));
      }
      addresses.add(
          new ControlAddress.Tls(ReplicaOptions.address("--control-tcp", tcp), files, null));
    }
    return addresses;
  }

  /** Who this end is; null for connections in the clear. */
  @Nullable TlsIdentity tls() {
    return tls.identity();
  }

  /** Where metrics are served; null for nowhere. */
  @Nullable InetSocketAddress metrics() {
    return metrics == null ? null : ReplicaOptions.address("--metrics", metrics);
  }

  /**
   * Serves the dashboard of a daemon's VMs, if it is asked for, and says where.
   *
   * @return null if it is not asked for
   * @throws VmmException if the address cannot be used
   */
  @Nullable Dashboard dashboard(ControlledVms vms) {
    InetSocketAddress address = dashboardAddress();
    if (address == null) {
      return null;
    }
    Dashboard served = Dashboard.start(vms, address);
    noteDashboard(served.url());
    return served;
  }

  private @Nullable InetSocketAddress dashboardAddress() {
    return dashboard == null
        ? null
        : ReplicaOptions.address(
            "--dashboard", dashboard.contains(":") ? dashboard : "127.0.0.1:" + dashboard);
  }

  private static void noteDashboard(String url) {
    System.err.println("lockstep: the dashboard is " + url);
  }

  /**
   * The control port of a command that runs one VM.
   *
   * @return null if none is asked for
   * @throws VmmException if an address cannot be used
   */
  ControlPort.@Nullable OfOne ofOne(MachineConfig config) {
    if (socket == null && tcp == null && metrics == null && dashboard == null) {
      return null;
    }
    InetSocketAddress dashboardAddress = dashboardAddress();
    ControlPort.OfOne control =
        new ControlPort.OfOne(
            config,
            new SnapshotFolders(),
            addresses(),
            metrics(),
            sentence -> System.err.println("lockstep: " + sentence));
    if (dashboardAddress != null) {
      try {
        noteDashboard(control.serveDashboard(dashboardAddress));
      } catch (VmmException e) {
        control.close();
        throw e;
      }
    }
    return control;
  }
}
