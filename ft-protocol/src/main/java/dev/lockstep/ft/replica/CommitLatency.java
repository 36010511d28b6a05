package dev.lockstep.ft.replica;

import java.util.concurrent.TimeUnit;

/**
 * How long outputs were held before they left here: what output commit adds to their latency. A histogram with fixed buckets, cheap to feed. Safe for use by
 * several threads.
 */
public final class CommitLatency {
  /** Upper bounds of the buckets but the last, which has none; ascending. */
  private static final long[] BOUNDS_NANOS = {
    micros(100),
    micros(250),
    micros(500),
    micros(1_000),
    micros(2_500),
    micros(5_000),
    micros(10_000),
    micros(25_000),
    micros(50_000),
    micros(100_000),
    micros(250_000),
    micros(500_000),
    micros(1_000_000),
    micros(2_500_000),
    micros(10_000_000)
  };

  private final long[] counts = new long[BOUNDS_NANOS.length + 1];
  private long totalNanos;

  /**
   * The histogram at one moment.
   *
   * @param boundsNanos upper bounds of the buckets, inclusive; ascending
   * @param counts outputs in each bucket, not cumulative; one more than bounds, for what is above the last
   * @param totalNanos the sum over all outputs
   */
  public record Snapshot(long[] boundsNanos, long[] counts, long totalNanos) {}

  private static long micros(long micros) {
    return TimeUnit.MICROSECONDS.toNanos(micros);
  }

  synchronized void add(long heldNanos) {
    int bucket = 0;
    while (bucket < BOUNDS_NANOS.length && heldNanos > BOUNDS_NANOS[bucket]) {
      bucket++;
    }
    counts[bucket]++;
    totalNanos += heldNanos;
  }

  /** As of now. */
  public synchronized Snapshot snapshot() {
    return new Snapshot(BOUNDS_NANOS.clone(), counts.clone(), totalNanos);
  }
}
