package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.core.StartPolicy;
import dev.lockstep.ft.hosts.HostRegistration;
import dev.lockstep.ft.replica.Replica;
import dev.lockstep.ft.replica.ReplicaSettings;
import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.MachineConfigBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How a replica takes part in a pair: the options that primary and backup share. */
final class ReplicaOptions {
  private static final int MAX_PORT = 65_535;

  @Option(
      names = "--arbiter",
      paramLabel = "WHERE",
      description =
          "Where it is decided who goes on alone: a folder that both replicas share, or etcd://HOST:PORT,HOST:PORT[/PREFIX] (default: the configuration's arbiter).")
  private @Nullable String arbiter;

  @Option(
      names = "--listen",
      paramLabel = "HOST:PORT",
      defaultValue = "127.0.0.1:0",
      description =
          "Where the other replica reaches this one; port 0 takes a free one (default: ${DEFAULT-VALUE}).")
  private String listen = "127.0.0.1:0";

  @Option(
      names = "--peer",
      paramLabel = "HOST:PORT",
      description =
          "Where the other replica listens (default: this one waits for the other to come).")
  private @Nullable String peer;

  @Option(
      names = "--console",
      paramLabel = "HOST:PORT",
      description =
          "Serves the guest's console there, by byte offset; port 0 takes a free one (default: not served).")
  private @Nullable String console;

  @Option(
      names = "--replica",
      paramLabel = "NAME",
      description = "This replica's name, unique in the pair (default: its role).")
  private @Nullable String replica;

  @Option(
      names = "--json",
      description =
          "One line of JSON on standard output for each change, and every quarter of a second, in place of the guest's console.")
  private boolean json;

  @Mixin private final PairTuning tuning = new PairTuning();
  @Mixin private final EtcdOptions etcd = new EtcdOptions();
  @Mixin private final RegisterOptions register = new RegisterOptions();

  /**
   * The arbiter.
   *
   * @throws VmmException if none is given, or it cannot be used
   */
  Arbiter arbiter(MachineConfig config) {
    String asked = arbiter == null ? config.replication().arbiter() : arbiter;
    if (asked == null) {
      throw new StatusException(
          ExitStatus.USAGE,
          new VmmException(
              "no arbiter is given, and without one nobody can decide who goes on alone",
              "Give a folder that both replicas share, or etcd://HOST:PORT, by --arbiter."));
    }
    return etcd.arbiter(arbiter == null ? "the configuration's arbiter" : "--arbiter", asked);
  }

  /**
   * Registers it in the table of hosts, if that is wanted.
   *
   * @return what ends it; null if it is not wanted
   */
  @Nullable HostRegistration register(
      Replica replica, MachineConfig config, Consumer<String> notes) {
    return register.begin(etcd, replica, config, notes);
  }

  /** Puts the pair's settings on top of what a builder has. */
  void apply(MachineConfigBuilder into) {
    tuning.apply(into);
  }

  /** Everything about this replica's part. */
  ReplicaSettings settings(
      String role,
      MachineConfig config,
      StartPolicy startPolicy,
      Path workFolder,
      @Nullable TlsIdentity tls) {
    return ReplicaSettings.builder(
            replica == null ? role : replica, workFolder, config.replication())
        .programVersion(Version.version())
        .listen(address("--listen", listen))
        .peer(peer == null ? null : address("--peer", peer))
        .startPolicy(startPolicy)
        .tls(tls)
        .build();
  }

  /** Where the console is served; null for nowhere. */
  @Nullable InetSocketAddress console() {
    return console == null ? null : address("--console", console);
  }

  /** Whether standard output is for programs. */
  boolean json() {
    return json;
  }

  /**
   * Reads HOST:PORT.
   *
   * @throws VmmException if it is not that, or the host is unknown
   */
  static InetSocketAddress address(String option, String text) {
    int colon = text.lastIndexOf(':');
    String port = colon < 0 ? "" : text.substring(colon + 1);
    if (colon < 1 || !port.matches("\\d{1,5}") || Integer.parseInt(port) > MAX_PORT) {
      throw new StatusException(
          ExitStatus.USAGE,
          new VmmException(
              "%s '%s' is no address".formatted(option, text),
              "Write HOST:PORT, as 127.0.0.1:7070."));
    }
    try {
      return new InetSocketAddress(
          InetAddress.getByName(text.substring(0, colon)), Integer.parseInt(port));
    } catch (UnknownHostException e) {
      throw new VmmException(
          "%s '%s' names a host that is not known".formatted(option, text),
          "Give its address in numbers.",
          e);
    }
  }
}
