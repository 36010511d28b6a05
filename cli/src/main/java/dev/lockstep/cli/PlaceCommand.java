package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.hosts.Placement;
import dev.lockstep.ft.hosts.RegisteredHost;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import tools.jackson.databind.json.JsonMapper;

/** {@code lockstep ctl place}: which host is to take a new backup. */
@Command(
    name = "place",
    description = {
      "Prints the host that is to take a new backup of a VM: of those without a replica of it and with enough free memory, the one that has most.",
      "Why the others are not chosen is told on standard error.",
    },
    sortOptions = false)
final class PlaceCommand implements Callable<Integer> {
  private static final int MIB_SHIFT = 20;

  @Parameters(paramLabel = "VM", description = "The VM's name, as 'lockstep ctl hosts' shows it.")
  private String vm = "";

  @Option(
      names = "--memory-mib",
      paramLabel = "MIB",
      description = "The guest's memory (default: what its primary says).")
  private @Nullable Long memoryMib;

  @ParentCommand private CtlCommand ctl = new CtlCommand();
  @Mixin private final RegistryOptions registry = new RegistryOptions();

  @Override
  public Integer call() {
    Placement placement =
        Placement.of(registry.hosts(), vm, guestBytes())
            .orElseThrow(() ->
                new VmmException(
                    "no registered host runs a primary of VM '%s'".formatted(vm),
                    "See 'lockstep ctl hosts'; a primary registers itself by --register."));
    RegisteredHost host = placement.host();
    if (host == null) {
      throw new VmmException(
          "no host can take a backup of VM '%s': %s"
              .formatted(
                  vm,
                  placement.rejected().stream()
                      .map(each -> each.host() + " " + each.why())
                      .collect(Collectors.joining("; "))),
          "Free memory on a host other than the primary's, or let another one register.");
    }
    print(placement, host);
    return ExitStatus.OK;
  }

  private OptionalLong guestBytes() {
    if (memoryMib == null) {
      return OptionalLong.empty();
    }
    if (memoryMib < 1 || memoryMib > Long.MAX_VALUE >> (MIB_SHIFT + 1)) {
      throw new StatusException(
          ExitStatus.USAGE,
          new VmmException(
              "--memory-mib %d is no amount of memory".formatted(memoryMib),
              "Give the guest's memory in MiB."));
    }
    return OptionalLong.of(memoryMib << MIB_SHIFT);
  }

  private void print(Placement placement, RegisteredHost host) {
    if (ctl.json()) {
      Map<String, Object> values = new LinkedHashMap<>(HostsCommand.values(host));
      values.put("needed_bytes", placement.neededBytes());
      values.put(
          "rejected",
          placement.rejected().stream()
              .map(each -> Map.of("host", each.host(), "why", each.why()))
              .toList());
      System.out.println(new JsonMapper().writeValueAsString(values));
      return;
    }
    System.err.printf(
        "lockstep: %s has %,d MiB free of the %,d MiB that are needed%s%n",
        host.name(),
        host.freeMemoryBytes() >> MIB_SHIFT,
        placement.neededBytes() >> MIB_SHIFT,
        others(placement.rejected()));
    System.out.println(host.name());
  }

  private static String others(List<Placement.Rejected> rejected) {
    return rejected.stream()
        .map(each -> "; %s %s".formatted(each.host(), each.why()))
        .collect(Collectors.joining());
  }
}
