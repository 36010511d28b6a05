package dev.lockstep.ft.core;

/**
 * Every bound of the protocol that is not a time.
 *
 * @param maxLagMillis the lag of the backup's replay above which the primary is slowed, milliseconds
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
 * @param armLagMillis and, where outputs wait until it has matched them, when its replay lags at most so long, milliseconds: they wait about as long. The longer it takes to catch
 *     up, the more is allowed ({@link #armLagNanos})
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
    int armLagRecords,
    long armLagMillis) {

  private static final long MILLI = 1_000_000;

  /** Of the time that a backup takes to catch up, so much is allowed as its lag besides. */
  private static final int CATCH_UP_SHARE = 20;

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
    positive("armLagMillis", armLagMillis);
    if (maxThrottlePercent > 99) {
      throw new IllegalArgumentException(
          "maxThrottlePercent must be at most 99, not "
              + maxThrottlePercent
              + ": a slow backup slows the guest, it never stops it");
    }
  }

  /** One second of lag, 64 Ki records or 64 MiB unacknowledged, batches of at most 512 records or 256 KiB. */
  public static Limits defaults() {
    return new Limits(
        1_000, 95, 1 << 16, 64L << 20, 1 << 18, 1 << 14, 512, 256 << 10, 16, 3, 1_024, 50);
  }

  /** The lag above which the primary is slowed, in nanoseconds. */
  long maxLagNanos() {
    return maxLagMillis * MILLI;
  }

  /**
   * The lag, in nanoseconds, at which outputs may begin to wait for a backup that has been catching up for so long: little, since clients see each of it as a time without an answer, but in the end as much as is allowed for ever after, since a
   * backup that is always slower is a backup too.
   */
  long armLagNanos(long catchingUpNanos) {
    return Math.min(maxLagNanos(), armLagMillis * MILLI + catchingUpNanos / CATCH_UP_SHARE);
  }

  private static void positive(String name, long value) {
    if (value <= 0) {
      throw new IllegalArgumentException(name + " must be positive, not " + value);
    }
  }
}
