package dev.lockstep.ft.core;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How fast the primary's guest may go. From half the bound of the backup's lag on the guest is slowed, the more the closer the lag comes to the bound: so a backup that is a little slower than its primary lags by a little more than half of that, and nothing swings. The
 * hard bounds (records and outputs in memory) stop it, and let it go on once half of them is free again.
 *
 * <p>A backup that has just made its machine is behind by all that this took, and slow at first. Nothing waits for it yet, so it has time: the guest keeps a
 * quarter of its own at first, and is slowed further second by second only if that does not help. A guest with a twentieth of its time has enough of it for its
 * timer alone, and its clients take it for dead.
 */
final class GuestPace {
  /** What is usual is taken over about so long. */
  private static final double USUAL_NANOS = 1e9;

  /** How much a guest is slowed at most that nobody waits for, in the first second that a backup catches up, and how much more with each second. */
  private static final int CATCHING_UP_PERCENT = 75;

  private static final int CATCHING_UP_MORE_PERCENT = 5;
  private static final long SECOND_NANOS = 1_000_000_000L;

  private final Timing timing;
  private final Limits limits;
  private boolean runs;
  private int percent;
  private double usualPercent;
  private long lastLookNanos;
  private long catchingUpSinceNanos = -1;

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

  /** Whether the lag may have become another since it was looked at. */
  boolean isLookDue(long now) {
    return now - lastLookNanos >= timing.markIntervalNanos();
  }

  /** Looks at the lag of a backup that outputs wait for. */
  void slow(long now, long lagNanos, List<PrimaryEffect> effects) {
    if (catchingUpSinceNanos >= 0) {
      // What it took to become protected says nothing of how well it is.
      catchingUpSinceNanos = -1;
      usualPercent = 0;
    }
    slow(now, lagNanos, limits.maxThrottlePercent(), effects);
  }

  /** Looks at the lag of a backup that no output waits for yet. */
  void letCatchUp(long now, long lagNanos, List<PrimaryEffect> effects) {
    if (catchingUpSinceNanos < 0) {
      catchingUpSinceNanos = now;
    }
    long seconds = (now - catchingUpSinceNanos) / SECOND_NANOS;
    long most = CATCHING_UP_PERCENT + CATCHING_UP_MORE_PERCENT * seconds;
    slow(now, lagNanos, Math.min(most, limits.maxThrottlePercent()), effects);
  }

  private void slow(long now, long lagNanos, long mostPercent, List<PrimaryEffect> effects) {
    long sinceLast = now - lastLookNanos;
    lastLookNanos = now;
    long half = limits.maxLagNanos() / 2;
    long over = Math.clamp(lagNanos - half, 0, half);
    set((int) (mostPercent * over / half), effects);
    usualPercent += (percent - usualPercent) * Math.min(1, sinceLast / USUAL_NANOS);
  }

  /** How much of its time the guest was made to sleep lately, percent. */
  int usualPercent() {
    return (int) Math.round(usualPercent);
  }

  /** There is no backup to wait for. */
  void fullSpeed(List<PrimaryEffect> effects) {
    usualPercent = 0;
    catchingUpSinceNanos = -1;
    set(0, effects);
  }

  private void set(int next, List<PrimaryEffect> effects) {
    if (next != percent) {
      percent = next;
      effects.add(new PrimaryEffect.Throttle(next));
    }
  }
}
