package dev.lockstep.ft.replica;

/**
 * How long a guest stood still for a checkpoint, and what was done in that time.
 *
 * @param nanos host time
 * @param copied pages and disk blocks of 4 KiB that were copied meanwhile
 * @param allowed how many could be copied within the bound, by the rate of the passes before
 * @param passes over memory and disks while the guest ran
 * @param speedPermille how fast the guest was let run in the end for that; 1000 is full speed
 */
record CheckpointPause(long nanos, long copied, long allowed, int passes, int speedPermille) {
  @Override
  public String toString() {
    return "the guest stood still for %.1f ms for the checkpoint: %d pages and blocks after %d passes%s"
        .formatted(
            nanos / 1e6,
            copied,
            passes,
            speedPermille == 1_000
                ? ""
                : ", slowed to %.1f %% of its speed".formatted(speedPermille / 10.0));
  }
}
