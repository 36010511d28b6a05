package dev.lockstep.vmm.device;

/**
 * Exact conversion between virtual nanoseconds and the ticks of a clock of a whole number of hertz.
 */
final class Ticks {
  private static final long NANOS = 1_000_000_000L;

  private Ticks() {}

  /** Whole ticks since time zero: the floor of {@code nanos * hertz / 10^9}. */
  static long ofNanos(long nanos, long hertz) {
    return Math.floorDiv(nanos, NANOS) * hertz + Math.floorMod(nanos, NANOS) * hertz / NANOS;
  }

  /** The first nanosecond at which {@link #ofNanos} is {@code ticks}. */
  static long toNanos(long ticks, long hertz) {
    long rest = Math.floorMod(ticks, hertz) * NANOS;
    return Math.floorDiv(ticks, hertz) * NANOS + (rest + hertz - 1) / hertz;
  }
}
