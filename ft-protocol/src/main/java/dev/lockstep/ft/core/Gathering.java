package dev.lockstep.ft.core;

/**
 * When two things are said at once that could have been said one after the other. Each message wakes a thread of the other replica, which on a busy host costs more than all that is done with it. While the backup has enough to replay,
 * nothing comes sooner of records that reach it a little earlier, and its reports let outputs go that wait for its replay anyway.
 */
public final class Gathering {
  /** So many records waiting to be replayed keep a backup busy for about a mark. One that talks with a client about one question at a time has fewer. */
  static final int BEHIND_RECORDS = 8;

  private Gathering() {}

  /**
   * Whether what there is to say may wait for more.
   *
   * @param waitingRecords that the backup has not replayed, as far as whoever asks knows
   * @param sinceLastNanos since it spoke last
   */
  public static boolean mayWait(long waitingRecords, long sinceLastNanos, Timing timing) {
    return waitingRecords >= BEHIND_RECORDS && sinceLastNanos < timing.closeMarkNanos();
  }
}
