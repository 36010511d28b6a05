package dev.lockstep.ft.replica;

import org.jspecify.annotations.Nullable;

/** When a backup that follows freely is to be made equal whether or not anything has differed. One that follows exactly never is. */
final class PlannedCheckpoints {
  private final long intervalNanos;
  private long sinceNanos = -1;

  private PlannedCheckpoints(long intervalNanos) {
    this.intervalNanos = intervalNanos;
  }

  static PlannedCheckpoints of(@Nullable FreeRunning freeRunning) {
    return new PlannedCheckpoints(
        freeRunning == null ? Long.MAX_VALUE : freeRunning.checkpointNanos());
  }

  /** Asked while the backup follows: whether it is time now; the time begins anew then. */
  boolean isDue(long now) {
    if (sinceNanos < 0) {
      sinceNanos = now;
    }
    boolean due = now - sinceNanos >= intervalNanos;
    if (due) {
      sinceNanos = now;
    }
    return due;
  }

  /** The two are equal: the time begins anew. */
  void equal() {
    sinceNanos = -1;
  }
}
