package dev.lockstep.ft.control;

import dev.lockstep.ft.control.proto.MachineCounters;
import dev.lockstep.ft.control.proto.ReplicationStatus;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.replica.CommitLatency;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/** What the VMs of a process measure, in Prometheus' terms; read from their status at each scrape. docs/control.md lists the names. */
final class VmMetrics implements MultiCollector {
  private static final double NANOS_PER_SECOND = 1e9;

  private final ControlledVms vms;

  /** A VM with what it says at one moment. */
  private record Measured(VmStatus status, CommitLatency.@Nullable Snapshot latency) {}

  VmMetrics(ControlledVms vms) {
    this.vms = vms;
  }

  @Override
  public MetricSnapshots collect() {
    return collect(vms.list());
  }

  /** The metrics of some VMs, in the text format. */
  String text(List<ControlledVm> of) {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    try {
      PrometheusTextFormatWriter.builder().build().write(text, collect(of));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString(StandardCharsets.UTF_8);
  }

  private static MetricSnapshots collect(List<ControlledVm> of) {
    List<Measured> all =
        of.stream().map(vm -> new Measured(vm.status(), vm.commitLatency())).toList();
    List<MetricSnapshot> metrics = new ArrayList<>();
    metrics.add(info(all));
    metrics.add(
        gauge("lockstep_vm_live", "Whether the guest runs here.", all, it -> it.getLive() ? 1 : 0));
    machine(all, metrics);
    replication(all, metrics);
    metrics.add(latency(all));
    return new MetricSnapshots(metrics);
  }

  private static void machine(List<Measured> all, List<MetricSnapshot> into) {
    List<Measured> made = all.stream().filter(it -> it.status().hasMachine()).toList();
    into.add(
        counter(
            "lockstep_guest_instructions",
            "Instructions the guest has retired.",
            made,
            it -> it.getMachine().getInstructions()));
    into.add(
        counter(
            "lockstep_guest_branches",
            "Branches the guest has retired, by the engine's semantics.",
            made,
            it -> it.getMachine().getBranches()));
    into.add(
        counter(
            "lockstep_guest_virtual_seconds",
            "Virtual time that has passed for the guest.",
            made,
            it -> it.getMachine().getVirtualNanos() / NANOS_PER_SECOND));
    into.add(
        counter(
            "lockstep_guest_output_bytes",
            "Bytes the guest has put out.",
            made,
            it -> it.getMachine().getOutputBytes()));
    into.add(exits(made));
  }

  private static MetricSnapshot exits(List<Measured> made) {
    CounterSnapshot.Builder exits =
        CounterSnapshot.builder()
            .name("lockstep_guest_exits")
            .help("Times the guest has left its engine, by kind.");
    for (Measured vm : made) {
      MachineCounters counters = vm.status().getMachine();
      counters
          .getExitsMap()
          .forEach((kind, count) ->
              exits.dataPoint(
                  CounterSnapshot.CounterDataPointSnapshot.builder()
                      .labels(Labels.of("vm", vm.status().getName(), "kind", kind))
                      .value(count)
                      .build()));
    }
    return exits.build();
  }

  private static void replication(List<Measured> all, List<MetricSnapshot> into) {
    List<Measured> replicas = all.stream().filter(it -> it.status().hasReplication()).toList();
    into.add(
        gauge(
            "lockstep_replication_lag_milliseconds",
            "How far the backup's replay is behind; 0 on a backup.",
            replicas,
            it -> it.getReplication().getLagMillis()));
    into.add(
        gauge(
            "lockstep_replication_lag_entries",
            "The same in log entries.",
            replicas,
            it -> it.getReplication().getLagEntries()));
    into.add(
        gauge(
            "lockstep_replication_held_outputs",
            "Outputs that wait for the backup's acknowledgement.",
            replicas,
            it -> it.getReplication().getHeldOutputs()));
    into.add(
        gauge(
            "lockstep_replication_throttle_ratio",
            "How much of its time the guest is made to sleep for the backup's sake, 0 to 1.",
            replicas,
            it -> it.getReplication().getThrottlePercent() / 100.0));
    into.add(
        gauge(
            "lockstep_replication_epoch",
            "The term; it grows with each backup that joins and each failover.",
            replicas,
            it -> it.getReplication().getEpoch()));
    into.add(
        counter(
            "lockstep_replication_log_bytes",
            "Log streamed (primary) or received (backup) in its role, in bytes.",
            replicas,
            it -> it.getReplication().getLogBytes()));
    into.add(
        counter(
            "lockstep_replication_log_entries",
            "The same in log entries.",
            replicas,
            it -> it.getReplication().getLogEntries()));
  }

  private static MetricSnapshot info(List<Measured> all) {
    InfoSnapshot.Builder info =
        InfoSnapshot.builder().name("lockstep_vm").help("Where a VM is in its life.");
    for (Measured vm : all) {
      VmStatus status = vm.status();
      ReplicationStatus replication = status.getReplication();
      info.dataPoint(
          InfoSnapshot.InfoDataPointSnapshot.builder()
              .labels(
                  Labels.of(
                      "vm",
                      status.getName(),
                      "state",
                      Words.of(status.getState()),
                      "role",
                      Words.of(status.getRole()),
                      "protection",
                      Words.of(status.getProtection()),
                      "reason",
                      Words.of(status.getReason()),
                      "phase",
                      replication.getPhase(),
                      "engine",
                      status.getEngine()))
              .build());
    }
    return info.build();
  }

  private static MetricSnapshot gauge(
      String name, String help, List<Measured> of, ToDoubleFunction<VmStatus> value) {
    GaugeSnapshot.Builder gauge = GaugeSnapshot.builder().name(name).help(help);
    for (Measured vm : of) {
      gauge.dataPoint(
          GaugeSnapshot.GaugeDataPointSnapshot.builder()
              .labels(Labels.of("vm", vm.status().getName()))
              .value(value.applyAsDouble(vm.status()))
              .build());
    }
    return gauge.build();
  }

  private static MetricSnapshot counter(
      String name, String help, List<Measured> of, ToDoubleFunction<VmStatus> value) {
    CounterSnapshot.Builder counter = CounterSnapshot.builder().name(name).help(help);
    for (Measured vm : of) {
      counter.dataPoint(
          CounterSnapshot.CounterDataPointSnapshot.builder()
              .labels(Labels.of("vm", vm.status().getName()))
              .value(value.applyAsDouble(vm.status()))
              .build());
    }
    return counter.build();
  }

  private static MetricSnapshot latency(List<Measured> all) {
    HistogramSnapshot.Builder histogram =
        HistogramSnapshot.builder()
            .name("lockstep_output_commit_latency_seconds")
            .help("How long outputs were held before they left here.");
    for (Measured vm : all) {
      CommitLatency.Snapshot latency = vm.latency();
      if (latency != null) {
        histogram.dataPoint(
            HistogramSnapshot.HistogramDataPointSnapshot.builder()
                .labels(Labels.of("vm", vm.status().getName()))
                .classicHistogramBuckets(buckets(latency))
                .sum(latency.totalNanos() / NANOS_PER_SECOND)
                .build());
      }
    }
    return histogram.build();
  }

  private static ClassicHistogramBuckets buckets(CommitLatency.Snapshot latency) {
    ClassicHistogramBuckets.Builder buckets = ClassicHistogramBuckets.builder();
    long[] bounds = latency.boundsNanos();
    for (int i = 0; i < bounds.length; i++) {
      buckets.bucket(bounds[i] / NANOS_PER_SECOND, latency.counts()[i]);
    }
    buckets.bucket(Double.POSITIVE_INFINITY, latency.counts()[bounds.length]);
    return buckets.build();
  }
}
