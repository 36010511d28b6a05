package dev.lockstep.kvm.perf;

/** Numbers of Linux for counters that the generated bindings lack, under their own names (asm/unistd_64.h); a test holds them against the host's headers. */
final class PerfAbi {
  static final int SYS_perf_event_open = 298;

  private PerfAbi() {}
}
