package dev.lockstep.kvm.perf;

import java.util.Locale;

/** The one-bit fields of {@code perf_event_attr}, which share the word at offset 40 (linux/perf_event.h; perf_event_open(2)). Not all that exist: those that counting a guest needs. */
public enum PerfFlag {
  /** The counter does not count until it is enabled. */
  DISABLED(0),

  /** Threads that are started later count too; their counts are added when they end. */
  INHERIT(1),

  /** The counter has a hardware counter for as long as its thread runs, or fails for good: never multiplexed, so never estimated. */
  PINNED(2),

  /** No other counter's group may use the CPU's PMU at the same time. */
  EXCLUSIVE(3),

  /** Nothing is counted in user mode. */
  EXCLUDE_USER(4),

  /** Nothing is counted in kernel mode. */
  EXCLUDE_KERNEL(5),

  /** Nothing is counted in a hypervisor. */
  EXCLUDE_HV(6),

  /** The idle task is not counted. */
  EXCLUDE_IDLE(7),

  /** {@code sample_period} is a frequency in hertz. */
  FREQ(10),

  /** {@code wakeup_events} is a watermark in bytes. */
  WATERMARK(14),

  /** Nothing is counted in the host: only while the thread is inside KVM_RUN, in the guest. */
  EXCLUDE_HOST(19),

  /** Nothing is counted in guests. */
  EXCLUDE_GUEST(20),

  /** The counter is closed on exec. Since Linux 5.13. */
  REMOVE_ON_EXEC(36);

  private final int bit;

  PerfFlag(int bit) {
    this.bit = bit;
  }

  /** The word with this flag set. */
  long mask() {
    return 1L << bit;
  }

  /** The field's name in C. */
  String fieldName() {
    return name().toLowerCase(Locale.ROOT);
  }
}
