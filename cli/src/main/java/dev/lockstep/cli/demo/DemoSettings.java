package dev.lockstep.cli.demo;

import java.nio.file.Path;

/**
 * What a demo does.
 *
 * @param disk image that both replicas start with a copy of
 * @param folder for disks, arbiter and logs of the processes; the demo's own
 * @param lines that the workload prints; at least 2
 * @param moment when the primary is killed
 * @param seed of the moment and of the guest's random numbers
 * @param timeoutMillis bound on every single wait
 */
public record DemoSettings(
    Path disk, Path folder, int lines, Moment moment, long seed, long timeoutMillis) {

  /** What the guest is doing when its primary dies. */
  public enum Moment {
    /** While the kernel boots. */
    BOOT,
    /** In the middle of the workload. */
    BUSY,
    /** While the guest sleeps between two halves of the workload. */
    IDLE
  }

  public DemoSettings {
    if (lines < 2) {
      throw new IllegalArgumentException("a workload of " + lines + " lines cannot be cut in two");
    }
  }
}
