package dev.lockstep.ft.core;

/**
 * Turns a replayed position into milliseconds: how long ago the primary went past it. Keeps a bounded number of samples (position, time) and doubles their
 * spacing when they run out, so a long lag is measured more coarsely, never wrongly.
 */
final class LagMeter {
  private static final int MAX_SAMPLES = 1_024;
  private static final long LEAST_SPACING_NANOS = 1_000_000;

  private final Position[] positions = new Position[MAX_SAMPLES];
  private final long[] times = new long[MAX_SAMPLES];
  private int count;
  private long spacingNanos = LEAST_SPACING_NANOS;
  private Position latestPosition = Position.START;
  private long latestNanos;

  /** The primary is at {@code position} at {@code now}. */
  void primaryAt(Position position, long now) {
    if (!position.isAfter(latestPosition)) {
      return;
    }
    latestPosition = position;
    latestNanos = now;
    if (count > 0 && now - times[count - 1] < spacingNanos) {
      return;
    }
    if (count == MAX_SAMPLES) {
      thinOut();
    }
    positions[count] = position;
    times[count] = now;
    count++;
  }

  /** Nanoseconds since the primary went past {@code replayedPosition}; 0 when the backup is level with it. */
  long lagNanos(Position replayedPosition, long now) {
    if (!latestPosition.isAfter(replayedPosition)) {
      reset();
      return 0;
    }
    int behind = 0;
    while (behind < count && !positions[behind].isAfter(replayedPosition)) {
      behind++;
    }
    drop(behind);
    return now - (count == 0 ? latestNanos : times[0]);
  }

  /** Forgets the samples: a measurement begins. */
  void reset() {
    count = 0;
    spacingNanos = LEAST_SPACING_NANOS;
  }

  private void drop(int samples) {
    if (samples > 0) {
      System.arraycopy(positions, samples, positions, 0, count - samples);
      System.arraycopy(times, samples, times, 0, count - samples);
      count -= samples;
    }
  }

  private void thinOut() {
    int kept = 0;
    for (int i = 0; i < count; i += 2) {
      positions[kept] = positions[i];
      times[kept] = times[i];
      kept++;
    }
    count = kept;
    spacingNanos *= 2;
  }
}
