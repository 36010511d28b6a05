package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.etcd.EtcdCluster;
import dev.lockstep.ft.hosts.HostRegistration;
import dev.lockstep.ft.hosts.HostRegistry;
import dev.lockstep.ft.hosts.HostReport;
import dev.lockstep.ft.hosts.HostedVm;
import dev.lockstep.ft.replica.Replica;
import dev.lockstep.ft.replica.ReplicaStatus;
import dev.lockstep.kvm.preflight.Preflight;
import dev.lockstep.vmm.config.MachineConfig;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How a process registers itself in the table of hosts. */
final class RegisterOptions {
  @Option(
      names = "--register",
      paramLabel = "ETCD",
      description =
          "Registers this host and its VM in the table of hosts, for 'lockstep ctl hosts' and 'place': etcd://HOST:PORT,HOST:PORT[/PREFIX] (default: not registered).")
  private @Nullable String register;

  @Option(
      names = "--host-name",
      paramLabel = "NAME",
      description = "This host's name in that table (default: the host's own).")
  private @Nullable String hostName;

  /**
   * Begins to register a replica, if that is wanted.
   *
   * @param notes told when etcd is away, and when it is back
   * @return what ends it; null if it is not wanted
   * @throws VmmException if an option is wrong
   */
  @Nullable HostRegistration begin(
      EtcdOptions etcd, Replica replica, MachineConfig config, Consumer<String> notes) {
    if (register == null) {
      return null;
    }
    String name = name();
    return new HostRegistry(etcd.cluster("--register", register, EtcdCluster.ANSWER_TIMEOUT_MILLIS))
        .register(() -> report(name, replica, config), notes);
  }

  private static HostReport report(String name, Replica replica, MachineConfig config) {
    ReplicaStatus status = replica.status();
    return new HostReport(
        name,
        List.of(reachable(name, replica.listenAddress())),
        null,
        Preflight.memory().available(),
        List.of(
            new HostedVm(
                config.name(),
                status.role().name().toLowerCase(Locale.ROOT),
                status.phase().toLowerCase(Locale.ROOT),
                config.memoryBytes())));
  }

  /** An address for others: a replica that listens everywhere is reached by its host's name. */
  private static String reachable(String host, InetSocketAddress address) {
    return (address.getAddress().isAnyLocalAddress() ? host : address.getAddress().getHostAddress())
        + ":"
        + address.getPort();
  }

  private String name() {
    String name = hostName == null ? ownName() : hostName;
    if (!HostReport.isName(name)) {
      throw new StatusException(
          ExitStatus.USAGE,
          new VmmException(
              "'%s' is no name for the table of hosts".formatted(name),
              "Give one of letters, digits, '.', '_' and '-' by --host-name."));
    }
    return name;
  }

  private static String ownName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      throw new VmmException("this host does not know its own name", "Give one by --host-name.", e);
    }
  }
}
