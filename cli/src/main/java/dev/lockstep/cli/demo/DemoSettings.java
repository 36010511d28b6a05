package dev.lockstep.cli.demo;

import java.nio.file.Path;

/**
 * What a demo does.
 *
 * @param disk image that all replicas start with a copy of
 * @param folder for disks, arbiter and logs of the processes; the demo's own
 * @param lines that the workload prints; at least 2
 * @param moment when the primary is killed
 * @param kills how many primaries die, one after the other; more than one while the guest is busy only
 * @param seed of the moments and of the guest's random numbers
 * @param timeoutMillis bound on every single wait
 */
public record DemoSettings(
    Path disk, Path folder, int lines, Moment moment, int kills, long seed, long timeoutMillis) {

  /** What the guest is doing when its primary dies. */
  public enum Moment {
    /** While the kernel boots. */
    BOOT,
    /** In the middle of the workload. */
    BUSY,
    /** While the guest sleeps between two halves of the workload. */
    IDLE,
    /** While a backup is brought in by a checkpoint of the busy guest; one of the two replicas dies. */
    CHECKPOINT
  }

  public DemoSettings {
    if (lines < 2) {
      throw new IllegalArgumentException("a workload of " + lines + " lines cannot be cut in two");
    }
    if (kills < 1 || kills > 1 && moment != Moment.BUSY) {
      throw new IllegalArgumentException(kills + " kills while " + moment);
    }
  }
}
