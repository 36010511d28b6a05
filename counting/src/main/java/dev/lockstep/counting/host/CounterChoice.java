package dev.lockstep.counting.host;

import dev.lockstep.counting.perf.CounterEvent;
import dev.lockstep.engine.BranchSemantics;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Which counter a host should be calibrated for. */
public sealed interface CounterChoice {
  /**
   * A counter.
   *
   * @param microarchitecture of the cores that have it
   * @param event what to open
   * @param cpus where the vCPU's thread must stay; empty for anywhere
   * @param warnings what may spoil it, each with what to do
   */
  record Proposed(
      Microarchitecture microarchitecture,
      CounterEvent event,
      Set<Integer> cpus,
      List<String> warnings)
      implements CounterChoice {
    /** Copies. */
    public Proposed {
      cpus = Set.copyOf(cpus);
      warnings = List.copyOf(warnings);
    }
  }

  /**
   * No counter.
   *
   * @param reason why
   * @param advice what to do
   */
  record None(String reason, String advice) implements CounterChoice {}

  /** The choice for a host. */
  static CounterChoice of(HostFacts host) {
    Optional<PmuDescription> core = pmu(host, "cpu_core");
    Optional<PmuDescription> pmu = core.isPresent() ? core : pmu(host, "cpu");
    if (pmu.isEmpty()) {
      boolean guest = host.cpu().map(CpuIdentity::inVirtualMachine).orElse(false);
      return new None(
          "this host has no PMU" + (guest ? " (it is a virtual machine)" : ""),
          guest
              ? "Ask the hypervisor for a virtual PMU; without one, recording and replication run on --engine soft, or step."
              : "Recording and replication run on --engine soft, or step.");
    }
    if (host.cpu().isEmpty()) {
      return new None("/proc/cpuinfo does not say which CPU this is", "Record with --engine soft.");
    }
    CpuIdentity cpu = host.cpu().get();
    Optional<Microarchitecture> known = Microarchitecture.of(cpu);
    if (known.isEmpty()) {
      return new None(
          "no exact counter is known for %s".formatted(cpu.line()),
          "Record with --engine soft, and report the CPU so that its event can be added.");
    }
    Microarchitecture kind = known.get();
    if (!kind.countsConditional()) {
      return new None(
          "%s counts taken branches, which no log's branch semantics names".formatted(kind.words()),
          "Record with --engine soft.");
    }
    if (host.specLockMap() instanceof SpecLockMap.Known(boolean disabled) && !disabled) {
      return new None(
          "SpecLockMap is on, so locked instructions spoil the count of conditional branches",
          "Set bit 54 of MSR 0xc0011020 on every CPU (as root: modprobe msr; wrmsr -a 0xc0011020 VALUE, with VALUE what rdmsr 0xc0011020 gives, plus bit 54).");
    }
    CounterEvent event =
        CounterEvent.ofPmu(
            "retired conditional branches",
            BranchSemantics.CONDITIONAL,
            pmu.get().type(),
            kind.config(),
            0);
    return new Proposed(kind, event, pmu.get().cpus(), warnings(host));
  }

  private static Optional<PmuDescription> pmu(HostFacts host, String name) {
    return host.pmus().stream().filter(pmu -> pmu.name().equals(name)).findFirst();
  }

  private static List<String> warnings(HostFacts host) {
    List<String> warnings = new ArrayList<>();
    if (host.specLockMap() instanceof SpecLockMap.Unknown(String why)) {
      warnings.add(
          "whether SpecLockMap is off cannot be read (%s): as root, modprobe msr, then rdmsr -a 0xc0011020; bit 54 must be set on every CPU"
              .formatted(why));
    }
    if (host.nmiWatchdog()) {
      warnings.add("the NMI watchdog holds a counter: sysctl kernel.nmi_watchdog=0");
    }
    if (host.freezesOnSmi().isPresent() && !host.freezesOnSmi().get()) {
      warnings.add(
          "system management interrupts are counted: echo 1 > /sys/devices/cpu/freeze_on_smi");
    }
    if (host.cpu().map(CpuIdentity::inVirtualMachine).orElse(false)) {
      warnings.add("this PMU is a hypervisor's, and some lose counts");
    }
    return warnings;
  }
}
