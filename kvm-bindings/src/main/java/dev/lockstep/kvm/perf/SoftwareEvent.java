package dev.lockstep.kvm.perf;

import dev.lockstep.kvm.layout.LinuxKvm;

/** What the kernel counts without a PMU (perf_event_open(2), PERF_COUNT_SW_*). Both take the same way from arming to overflow and signal as a hardware counter. */
public enum SoftwareEvent {
  /** Nanoseconds while the thread is scheduled, by a high-resolution timer of its CPU. */
  CPU_CLOCK(LinuxKvm.PERF_COUNT_SW_CPU_CLOCK()),

  /** Nanoseconds that the thread ran. */
  TASK_CLOCK(LinuxKvm.PERF_COUNT_SW_TASK_CLOCK());

  private final long config;

  SoftwareEvent(long config) {
    this.config = config;
  }

  long config() {
    return config;
  }
}
