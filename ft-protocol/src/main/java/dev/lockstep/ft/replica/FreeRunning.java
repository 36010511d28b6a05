package dev.lockstep.ft.replica;

/**
 * Following without a branch counter: what is to be said of it.
 *
 * @param checkpointNanos the two are made equal by a checkpoint at least this often, whether or not anything has differed
 */
public record FreeRunning(long checkpointNanos) {
  /** Divergences in a minute above which a pair calls itself degraded; an exact one does at half as many. */
  static final int MAX_HEALS_PER_MINUTE = 6;

  public FreeRunning {
    if (checkpointNanos <= 0) {
      throw new IllegalArgumentException(
          "checkpointNanos must be positive, not " + checkpointNanos);
    }
  }
}
