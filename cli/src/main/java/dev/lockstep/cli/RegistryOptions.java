package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.etcd.EtcdException;
import dev.lockstep.ft.hosts.HostRegistry;
import dev.lockstep.ft.hosts.RegisteredHost;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Where the table of hosts is read. */
final class RegistryOptions {
  @Option(
      names = "--registry",
      paramLabel = "ETCD",
      required = true,
      description =
          "Where hosts register themselves: etcd://HOST:PORT,HOST:PORT[/PREFIX], as primaries and backups have it in --register.")
  private String registry = "";

  @Mixin private final EtcdOptions etcd = new EtcdOptions();

  /**
   * The hosts that are registered; what cannot be read is named on standard error.
   *
   * @throws VmmException if etcd cannot be asked
   */
  List<RegisteredHost> hosts() {
    try {
      HostRegistry.Listing listing =
          new HostRegistry(etcd.cluster("--registry", registry, EtcdOptions.PATIENT_MILLIS)).list();
      listing
          .unreadable()
          .forEach(key ->
              System.err.printf(
                  "lockstep: what '%s' holds is no report of a host; it is left out%n", key));
      return listing.hosts();
    } catch (EtcdException e) {
      throw new VmmException(
          "the table of hosts cannot be read: " + e.getMessage(),
          "See to etcd, or give its address by --registry.",
          e);
    }
  }
}
