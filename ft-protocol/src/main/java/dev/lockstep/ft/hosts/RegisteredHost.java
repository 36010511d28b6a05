package dev.lockstep.ft.hosts;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.TreeMap;

/**
 * A host, put together from the reports of its processes.
 *
 * @param name unique
 * @param replication where its replicas are reached
 * @param control where it is steered from other hosts
 * @param freeMemoryBytes the least that one of its processes has seen
 * @param vms its replicas
 */
public record RegisteredHost(
    String name,
    List<String> replication,
    List<String> control,
    long freeMemoryBytes,
    List<HostedVm> vms) {

  public RegisteredHost {
    replication = List.copyOf(replication);
    control = List.copyOf(control);
    vms = List.copyOf(vms);
  }

  /** The hosts that reports are of, by name. */
  static List<RegisteredHost> of(Collection<HostReport> reports) {
    Map<String, List<HostReport>> byName = new TreeMap<>();
    for (HostReport report : reports) {
      byName.computeIfAbsent(report.host(), name -> new ArrayList<>()).add(report);
    }
    List<RegisteredHost> hosts = new ArrayList<>();
    byName.forEach((name, all) -> hosts.add(merged(name, all)));
    return hosts;
  }

  private static RegisteredHost merged(String name, List<HostReport> reports) {
    SequencedSet<String> replication = new LinkedHashSet<>();
    SequencedSet<String> control = new LinkedHashSet<>();
    List<HostedVm> vms = new ArrayList<>();
    long free = Long.MAX_VALUE;
    for (HostReport report : reports) {
      replication.addAll(report.replication());
      Optional.ofNullable(report.control()).ifPresent(control::add);
      vms.addAll(report.vms());
      free = Math.min(free, report.freeMemoryBytes());
    }
    return new RegisteredHost(name, List.copyOf(replication), List.copyOf(control), free, vms);
  }

  /** Its replica of a VM; the one that runs it, if it has several. */
  Optional<HostedVm> replicaOf(String vm) {
    return vms.stream()
        .filter(each -> each.name().equals(vm))
        .min((one, other) -> Boolean.compare(isPrimary(other), isPrimary(one)));
  }

  static boolean isPrimary(HostedVm replica) {
    return replica.role().equals(HostedVm.PRIMARY);
  }
}
