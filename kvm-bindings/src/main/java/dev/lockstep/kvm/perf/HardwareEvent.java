package dev.lockstep.kvm.perf;

import dev.lockstep.kvm.layout.LinuxKvm;

/** What the kernel counts by the PMU under a name of its own (perf_event_open(2), PERF_COUNT_HW_*). Which event of the CPU it takes is the kernel's choice: an exact count needs {@link PerfAttributes#raw}. */
public enum HardwareEvent {
  /** Cycles of the core. */
  CPU_CYCLES(LinuxKvm.PERF_COUNT_HW_CPU_CYCLES()),

  /** Retired instructions. */
  INSTRUCTIONS(LinuxKvm.PERF_COUNT_HW_INSTRUCTIONS()),

  /** Retired branches. */
  BRANCH_INSTRUCTIONS(LinuxKvm.PERF_COUNT_HW_BRANCH_INSTRUCTIONS()),

  /** Branches that were predicted wrong. */
  BRANCH_MISSES(LinuxKvm.PERF_COUNT_HW_BRANCH_MISSES());

  private final long config;

  HardwareEvent(long config) {
    this.config = config;
  }

  long config() {
    return config;
  }
}
