package dev.lockstep.cli;

import dev.lockstep.cli.ctl.CallException;
import dev.lockstep.cli.ctl.Endpoints;
import dev.lockstep.cli.ctl.EventFollow;
import dev.lockstep.ft.control.ControlClient;
import dev.lockstep.ft.control.Words;
import dev.lockstep.ft.control.proto.Event;
import dev.lockstep.ft.control.proto.GetMetricsRequest;
import dev.lockstep.ft.control.proto.GetVmRequest;
import dev.lockstep.ft.control.proto.ListVmsRequest;
import dev.lockstep.ft.control.proto.ReplicationStatus;
import dev.lockstep.ft.control.proto.VmStatus;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lockstep ctl list|status|events|metrics}: how VMs are. */
final class CtlLook {
  private CtlLook() {}

  /** Asks every endpoint; who does not answer is told on standard error, unless nobody does. */
  private static <T> Map<ControlClient, T> everywhere(
      Endpoints endpoints, Function<ControlClient, T> ask) {
    Map<ControlClient, T> answers = new LinkedHashMap<>();
    List<CallException> failures = new ArrayList<>();
    for (ControlClient client : endpoints.all()) {
      try {
        answers.put(client, ask.apply(client));
      } catch (CallException e) {
        failures.add(e);
      }
    }
    if (answers.isEmpty() && !failures.isEmpty()) {
      throw failures.getFirst();
    }
    failures.forEach(failure -> System.err.println("lockstep: " + failure.getMessage()));
    return answers;
  }

  /** {@code ctl list}. */
  @Command(name = "list", description = "Every VM of every endpoint.")
  static final class ListAll extends CtlCall {
    @Override
    void run(Endpoints endpoints, CtlReport report) {
      List<List<String>> rows = new ArrayList<>();
      rows.add(List.of("VM", "STATE", "ROLE", "PROTECTION", "REASON", "EPOCH", "LAG", "ENDPOINT"));
      everywhere(
              endpoints,
              client ->
                  endpoints
                      .call(client, calls -> calls.listVms(ListVmsRequest.getDefaultInstance()))
                      .getVmsList())
          .forEach((client, vms) -> {
            for (VmStatus vm : vms) {
              report.object(client.address(), vm);
              rows.add(row(client, vm));
            }
          });
      report.table(rows);
    }

    private static List<String> row(ControlClient client, VmStatus vm) {
      ReplicationStatus replication = vm.getReplication();
      return List.of(
          vm.getName(),
          Words.of(vm.getState()),
          Words.of(vm.getRole()),
          Words.of(vm.getProtection()),
          Words.of(vm.getReason()),
          vm.hasReplication() ? Long.toString(replication.getEpoch()) : "",
          vm.hasReplication() ? replication.getLagMillis() + " ms" : "",
          client.address().toString());
    }
  }

  /** {@code ctl status}. */
  @Command(name = "status", description = "One VM in full, at every endpoint that has it.")
  static final class Status extends CtlCall {
    @Parameters(paramLabel = "VM", description = "The VM's name.")
    private String vm = "";

    @Override
    void run(Endpoints endpoints, CtlReport report) {
      GetVmRequest request = GetVmRequest.newBuilder().setVm(vm).build();
      boolean[] first = {true};
      everywhere(endpoints, client -> endpoints.call(client, calls -> calls.getVm(request)).getVm())
          .forEach((client, status) -> {
            if (!first[0]) {
              report.line("");
            }
            first[0] = false;
            report.full(client.address(), status);
          });
    }
  }

  /** {@code ctl events}. */
  @Command(
      name = "events",
      description = "What happens, as it happens, at every endpoint; Ctrl-C ends it.")
  static final class Events extends CtlCall {
    @Parameters(
        arity = "0..1",
        paramLabel = "VM",
        description = "Only of this VM (default: of all).")
    private String vm = "";

    @Option(
        names = "--after",
        paramLabel = "NUMBER",
        description =
            "Only events behind this number, as far as they are kept; 0 for all (default: from now on, after how each VM is).")
    private @Nullable Long after;

    @Override
    void run(Endpoints endpoints, CtlReport report) {
      EventFollow.run(endpoints, vm, after, (client, event) -> print(client, event, report));
    }

    private static void print(ControlClient client, Event event, CtlReport report) {
      synchronized (report) {
        report.object(client.address(), event);
        Instant time =
            Instant.ofEpochSecond(event.getTime().getSeconds(), event.getTime().getNanos());
        String vm = event.getVm();
        report.line(
            "%s  %s"
                .formatted(
                    time,
                    switch (event.getWhatCase()) {
                      case CHANGED -> vm + ": " + CtlReport.standing(event.getChanged());
                      case NOTE -> vm + ": " + event.getNote();
                      case DELETED -> vm + ": deleted";
                      case MISSED -> "%,d events were missed".formatted(event.getMissed());
                      case WHAT_NOT_SET -> vm;
                    }));
      }
    }
  }

  /** {@code ctl metrics}. */
  @Command(name = "metrics", description = "What Prometheus would get, of one endpoint.")
  static final class Metrics extends CtlCall {
    @Parameters(
        arity = "0..1",
        paramLabel = "VM",
        description = "Only of this VM (default: of all).")
    private String vm = "";

    @Override
    void run(Endpoints endpoints, CtlReport report) {
      ControlClient client =
          vm.isEmpty() ? endpoints.sole("asking for metrics of all VMs") : endpoints.of(vm);
      GetMetricsRequest request = GetMetricsRequest.newBuilder().setVm(vm).build();
      String text = endpoints.call(client, calls -> calls.getMetrics(request)).getText();
      Map<String, @Nullable Object> values = new LinkedHashMap<>();
      values.put("text", text);
      report.object(client.address(), values);
      report.line(text.stripTrailing());
    }
  }
}
