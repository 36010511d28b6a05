package dev.lockstep.cli;

import dev.lockstep.ft.hosts.HostedVm;
import dev.lockstep.ft.hosts.RegisteredHost;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParentCommand;
import tools.jackson.databind.json.JsonMapper;

/** {@code lockstep ctl hosts}: the table of hosts. */
@Command(
    name = "hosts",
    description = {
      "Prints the hosts that are registered: where their replicas are reached, the memory they have free, and the VMs they run.",
      "A host that dies is in the table for some seconds more.",
    },
    sortOptions = false)
final class HostsCommand implements Callable<Integer> {
  private static final List<String> HEADINGS =
      List.of("HOST", "FREE MiB", "REPLICATION", "CONTROL", "VMS");

  @ParentCommand private CtlCommand ctl = new CtlCommand();
  @Mixin private final RegistryOptions registry = new RegistryOptions();

  @Override
  public Integer call() {
    List<RegisteredHost> hosts = registry.hosts();
    if (ctl.json()) {
      System.out.println(
          new JsonMapper().writeValueAsString(hosts.stream().map(HostsCommand::values).toList()));
    } else {
      table(hosts).forEach(System.out::println);
    }
    return ExitStatus.OK;
  }

  private static List<String> table(List<RegisteredHost> hosts) {
    List<List<String>> rows = new ArrayList<>(List.of(HEADINGS));
    for (RegisteredHost host : hosts) {
      rows.add(
          List.of(
              host.name(),
              "%,d".formatted(host.freeMemoryBytes() >> 20),
              words(host.replication()),
              words(host.control()),
              words(host.vms().stream().map(HostsCommand::describe).toList())));
    }
    int[] widths = new int[HEADINGS.size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    return rows.stream().map(row -> line(row, widths)).toList();
  }

  private static String line(List<String> row, int[] widths) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < widths.length; i++) {
      text.append(("%-" + (widths[i] + 2) + "s").formatted(row.get(i)));
    }
    return text.toString().stripTrailing();
  }

  private static String describe(HostedVm vm) {
    return "%s (%s, %s)".formatted(vm.name(), vm.role(), vm.phase().replace('_', ' '));
  }

  /** Whatever a table holds, a terminal gets no control characters from it. */
  private static String words(List<String> words) {
    return words.isEmpty()
        ? "-"
        : words.stream()
            .map(word -> word.replaceAll("\\p{Cntrl}", "?"))
            .collect(Collectors.joining(", "));
  }

  /** A host as programs get it. */
  static Map<String, Object> values(RegisteredHost host) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("host", host.name());
    values.put("free_memory_bytes", host.freeMemoryBytes());
    values.put("replication", host.replication());
    values.put("control", host.control());
    values.put(
        "vms",
        host.vms().stream()
            .map(vm -> {
              Map<String, Object> each = new LinkedHashMap<>();
              each.put("name", vm.name());
              each.put("role", vm.role());
              each.put("phase", vm.phase());
              each.put("memory_bytes", vm.memoryBytes());
              return each;
            })
            .toList());
    return values;
  }
}
