package dev.lockstep.ft.core;

/**
 * Every bound of the protocol that is not a time.
 *
 * @param maxLagMillis the lag of the backup's replay at which the primary is slowed as much as it may be, milliseconds; from half of it on it is slowed the more, the more that is
 * @param maxThrottlePercent the most of a slowed guest's time that it may be made to sleep, 1..99: slowed, not stopped
 * @param maxUnackedRecords records the backup has not acknowledged; the guest waits beyond it
 * @param maxUnackedBytes the same in payload bytes
 * @param maxBacklogRecords records the backup has not replayed; the guest waits beyond it
 * @param maxHeldOutputs outputs the gate may hold; the guest waits beyond it
 * @param maxBatchRecords records in one message
 * @param maxBatchBytes payload bytes in one message (one record is always let through)
 * @param chunkWindow checkpoint chunks in flight
 * @param maxHealsPerMinute resynchronisations in a minute above which the pair is degraded
 * @param armLagRecords a joining backup is close enough to be protected when it lacks at most so many records
 */
public record Limits(
    long maxLagMillis,
    int maxThrottlePercent,
    int maxUnackedRecords,
    long maxUnackedBytes,
    int maxBacklogRecords,
    int maxHeldOutputs,
    int maxBatchRecords,
    int maxBatchBytes,
    int chunkWindow,
    int maxHealsPerMinute,
    int armLagRecords) {

  private static final long MILLI = 1_000_000;

  public Limits {
    positive("maxLagMillis", maxLagMillis);
    positive("maxThrottlePercent", maxThrottlePercent);
    positive("maxUnackedRecords", maxUnackedRecords);
    positive("maxUnackedBytes", maxUnackedBytes);
    positive("maxBacklogRecords", maxBacklogRecords);
    positive("maxHeldOutputs", maxHeldOutputs);
    positive("maxBatchRecords", maxBatchRecords);
    positive("maxBatchBytes", maxBatchBytes);
    positive("chunkWindow", chunkWindow);
    positive("maxHealsPerMinute", maxHealsPerMinute);
    positive("armLagRecords", armLagRecords);
    if (maxThrottlePercent > 99) {
      throw new IllegalArgumentException(
          "maxThrottlePercent must be at most 99, not "
              + maxThrottlePercent
              + ": a slow backup slows the guest, it never stops it");
    }
  }

  /** 40 ms of lag, 64 Ki records or 64 MiB unacknowledged, batches of at most 512 records or 256 KiB. */
  public static Limits defaults() {
    return new Limits(40, 95, 1 << 16, 64L << 20, 1 << 18, 1 << 14, 512, 256 << 10, 16, 3, 1_024);
  }

  /** The lag that the primary is slowed for, in nanoseconds. */
  long maxLagNanos() {
    return maxLagMillis * MILLI;
  }

  private static void positive(String name, long value) {
    if (value <= 0) {
      throw new IllegalArgumentException(name + " must be positive, not " + value);
    }
  }
}
