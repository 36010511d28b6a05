package dev.lockstep.ft.core;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How fast the primary's guest may go. While the backup's lag is above its bound the guest is slowed, more with every look, less while it is well below. The
 * hard bounds (records and outputs in memory) stop it, and let it go on once half of them is free again.
 */
final class GuestPace {
  private static final int STEP_UP_PERCENT = 10;
  private static final int STEP_DOWN_PERCENT = 5;

  private final Timing timing;
  private final Limits limits;
  private boolean runs;
  private int percent;
  private long lastLookNanos;

  GuestPace(Timing timing, Limits limits) {
    this.timing = timing;
    this.limits = limits;
  }

  /**
   * Looks at the hard bounds.
   *
   * @param mayRun whether the guest may run at all
   * @param outputsPending outputs that have not left
   * @param backup the backup that records are kept for, or null
   * @param lagRecords records it has not replayed
   */
  void bound(
      boolean mayRun,
      long outputsPending,
      @Nullable BackupPeer backup,
      long lagRecords,
      List<PrimaryEffect> effects) {
    int share = runs ? 1 : 2;
    boolean room = outputsPending < limits.maxHeldOutputs() / share;
    if (backup != null && backup.window != null) {
      room &= backup.window.size() < limits.maxUnackedRecords() / share;
      room &= backup.window.payloadBytes() < limits.maxUnackedBytes() / share;
      room &= lagRecords < limits.maxBacklogRecords() / share;
    }
    boolean run = mayRun && room;
    if (run != runs) {
      runs = run;
      effects.add(new PrimaryEffect.LetGuestRun(run));
    }
  }

  /**
   * Looks at the lag, at most once every heartbeat interval.
   *
   * @param boundNanos above which the guest is slowed
   */
  void slow(long now, long lagNanos, long boundNanos, List<PrimaryEffect> effects) {
    if (now - lastLookNanos < timing.heartbeatIntervalNanos()) {
      return;
    }
    lastLookNanos = now;
    if (lagNanos > boundNanos) {
      set(Math.min(limits.maxThrottlePercent(), percent + STEP_UP_PERCENT), effects);
    } else if (lagNanos < boundNanos / 2) {
      set(Math.max(0, percent - STEP_DOWN_PERCENT), effects);
    }
  }

  /** There is no backup to wait for. */
  void fullSpeed(List<PrimaryEffect> effects) {
    set(0, effects);
  }

  private void set(int next, List<PrimaryEffect> effects) {
    if (next != percent) {
      percent = next;
      effects.add(new PrimaryEffect.Throttle(next));
    }
  }
}
