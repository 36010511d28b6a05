package dev.lockstep.ft.hosts;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which host is to take a new backup of a VM: the one with most free memory, of those that have enough and no replica of the VM yet.
 *
 * @param host the host; null if there is none
 * @param neededBytes what it must have free
 * @param rejected the others, with the reason why not
 */
public record Placement(@Nullable RegisteredHost host, long neededBytes, List<Rejected> rejected) {
  /** Beside the guest's memory: the process itself and what it buffers. */
  static final long PROCESS_BYTES = 256L << 20;

  public Placement {
    rejected = List.copyOf(rejected);
  }

  /**
   * A host that is not chosen.
   *
   * @param host its name
   * @param why the end of a sentence that begins with the name
   */
  public record Rejected(String host, String why) {}

  /**
   * Chooses.
   *
   * @param guestBytes the guest's memory; empty for what the VM's primary says
   * @return empty if no registered host runs the VM, and so nobody knows which hosts it must not be on
   */
  public static Optional<Placement> of(
      List<RegisteredHost> hosts, String vm, OptionalLong guestBytes) {
    Optional<HostedVm> primary =
        hosts.stream()
            .flatMap(host -> host.vms().stream())
            .filter(each -> each.name().equals(vm) && RegisteredHost.isPrimary(each))
            .findFirst();
    return primary.map(each -> choose(hosts, vm, guestBytes.orElse(each.memoryBytes())));
  }

  private static Placement choose(List<RegisteredHost> hosts, String vm, long guestBytes) {
    long needed = guestBytes + PROCESS_BYTES;
    List<Rejected> rejected = new ArrayList<>();
    List<RegisteredHost> fit = new ArrayList<>();
    for (RegisteredHost host : hosts) {
      unfit(host, vm, needed)
          .ifPresentOrElse(
              why -> rejected.add(new Rejected(host.name(), why)), () -> fit.add(host));
    }
    RegisteredHost best =
        fit.stream()
            .max(
                Comparator.comparingLong(RegisteredHost::freeMemoryBytes)
                    .thenComparing(RegisteredHost::name, Comparator.reverseOrder()))
            .orElse(null);
    List<Rejected> others =
        Stream.concat(
                rejected.stream(),
                fit.stream()
                    .filter(host -> host != best)
                    .map(host ->
                        new Rejected(
                            host.name(),
                            "has less free memory (%,d MiB)"
                                .formatted(host.freeMemoryBytes() >> 20))))
            .toList();
    return new Placement(best, needed, others);
  }

  private static Optional<String> unfit(RegisteredHost host, String vm, long needed) {
    Optional<HostedVm> replica = host.replicaOf(vm);
    if (replica.isPresent()) {
      return Optional.of(
          RegisteredHost.isPrimary(replica.get())
              ? "runs its primary"
              : "has a backup of it already");
    }
    return host.freeMemoryBytes() >= needed
        ? Optional.empty()
        : Optional.of(
            "has %,d MiB free of the %,d MiB that are needed"
                .formatted(host.freeMemoryBytes() >> 20, needed >> 20));
  }
}
