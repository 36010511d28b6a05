package dev.lockstep.vmm.machine;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * What this process holds of its host.
 *
 * @param descriptors open files
 * @param mappings of memory
 * @param timers POSIX timers
 * @param threads of the JVM
 * @param heap bytes in use after collection
 */
public record Footprint(int descriptors, int mappings, int timers, int threads, long heap) {
  /** As of now, after collections. */
  public static Footprint now() throws IOException {
    long heap = Long.MAX_VALUE;
    for (int i = 0; i < 3; i++) {
      System.gc();
      heap = Math.min(heap, ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
    }
    Path timers = Path.of("/proc/self/timers");
    return new Footprint(
        count(Path.of("/proc/self/fd")),
        Files.readAllLines(Path.of("/proc/self/maps")).size(),
        // Absent where the kernel was built without checkpoint and restore.
        Files.exists(timers)
            ? (int)
                Files.readAllLines(timers).stream().filter(line -> line.startsWith("ID:")).count()
            : 0,
        ManagementFactory.getThreadMXBean().getThreadCount(),
        heap);
  }

  private static int count(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return (int) files.count();
    }
  }

  @Override
  public String toString() {
    return "%d descriptors, %d mappings, %d timers, %d threads, %,d KiB of heap"
        .formatted(descriptors, mappings, timers, threads, heap >> 10);
  }
}
