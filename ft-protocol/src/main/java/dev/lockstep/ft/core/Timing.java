package dev.lockstep.ft.core;

/**
 * Every interval and timeout of the protocol, in nanoseconds.
 *
 * @param heartbeatIntervalNanos each side speaks at least this often
 * @param closeMarkNanos the least time between two progress marks (they are coalesced in between); about as often one is made while the guest talks with somebody
 * @param markIntervalNanos how often one is made otherwise
 * @param backupSilenceNanos the primary suspects a backup it has not heard for this long
 * @param primarySilenceNanos the backup suspects a primary it has not heard for this long
 * @param leaseNanos after a heartbeat that the backup has echoed, outputs may leave for this long from the heartbeat's sending; less than {@code
 *     primarySilenceNanos}, so that a primary that was frozen while its backup took over stays silent. (Safety does not rest on it: only acknowledged
 *     outputs leave, with or without a lease.)
 * @param reconnectGraceNanos how long a primary whose link to the backup broke waits for it to come back before it suspects
 * @param ackTimeoutNanos the primary suspects a backup that acknowledges nothing for this long while records wait
 * @param retransmitNanos records or chunks without progress for this long are sent again
 * @param joinRetryNanos a joining backup asks again this often
 * @param joinProgressNanos a join, a resynchronisation, or a replay that outputs wait for, without any progress for this long is given up
 * @param arbiterRetryNanos the arbiter is asked again this often while it does not answer
 */
public record Timing(
    long heartbeatIntervalNanos,
    long closeMarkNanos,
    long markIntervalNanos,
    long backupSilenceNanos,
    long primarySilenceNanos,
    long leaseNanos,
    long reconnectGraceNanos,
    long ackTimeoutNanos,
    long retransmitNanos,
    long joinRetryNanos,
    long joinProgressNanos,
    long arbiterRetryNanos) {

  private static final long MILLI = 1_000_000;

  /** Nobody waits for a backup's progress but whoever measures the lag, and each report wakes two threads of a busy primary. */
  private static final int PROGRESS_MARKS = 2;

  public Timing {
    positive("heartbeatIntervalNanos", heartbeatIntervalNanos);
    positive("closeMarkNanos", closeMarkNanos);
    positive("markIntervalNanos", markIntervalNanos);
    positive("backupSilenceNanos", backupSilenceNanos);
    positive("primarySilenceNanos", primarySilenceNanos);
    positive("leaseNanos", leaseNanos);
    positive("reconnectGraceNanos", reconnectGraceNanos);
    positive("ackTimeoutNanos", ackTimeoutNanos);
    positive("retransmitNanos", retransmitNanos);
    positive("joinRetryNanos", joinRetryNanos);
    positive("joinProgressNanos", joinProgressNanos);
    positive("arbiterRetryNanos", arbiterRetryNanos);
    if (leaseNanos >= primarySilenceNanos) {
      throw new IllegalArgumentException(
          "leaseNanos (%d) must be less than primarySilenceNanos (%d): a primary must fall silent before its backup may take over"
              .formatted(leaseNanos, primarySilenceNanos));
    }
    if (heartbeatIntervalNanos * 3 > Math.min(leaseNanos, backupSilenceNanos)) {
      throw new IllegalArgumentException(
          "heartbeatIntervalNanos (%d) must be at most a third of leaseNanos and backupSilenceNanos: two lost heartbeats are no failure"
              .formatted(heartbeatIntervalNanos));
    }
  }

  /** Heartbeats every 25 ms, suspicion after 500 ms of silence (a link that the peer's host refuses is suspected at once). */
  public static Timing defaults() {
    return new Timing(
        25 * MILLI,
        MILLI,
        4 * MILLI,
        500 * MILLI,
        550 * MILLI,
        450 * MILLI,
        100 * MILLI,
        1_000 * MILLI,
        250 * MILLI,
        250 * MILLI,
        10_000 * MILLI,
        100 * MILLI);
  }

  /** A backup that has come further, and has no output to report, says so at least this often. */
  long progressNanos() {
    return Math.min(heartbeatIntervalNanos, PROGRESS_MARKS * markIntervalNanos);
  }

  private static void positive(String name, long nanos) {
    if (nanos <= 0) {
      throw new IllegalArgumentException(name + " must be positive, not " + nanos);
    }
  }
}
