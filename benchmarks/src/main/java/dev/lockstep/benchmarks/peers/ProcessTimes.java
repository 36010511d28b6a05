package dev.lockstep.benchmarks.peers;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;

/**
 * CPU time of a process so far, user and system, as Linux accounts for it (proc(5), /proc/pid/stat and /proc/pid/task/tid/stat), in its ticks of a hundredth of a second.
 *
 * @param seconds the whole process's
 * @param byWork what the threads of a JVM spent on each kind of work; empty for other processes
 */
record ProcessTimes(double seconds, Map<Work, Double> byWork) {
  /** What a JVM's thread is for, told by its name, which Linux cuts at 15 characters. */
  enum Work {
    /** Everything that runs the guest and serves its devices. */
    MACHINE("guest and devices"),
    TRANSLATOR("translation"),
    HOTSPOT("HotSpot's compilers"),
    GC("garbage collection");

    private final String label;

    Work(String label) {
      this.label = label;
    }

    String label() {
      return label;
    }

    private static Work of(String thread) {
      if (thread.startsWith("C1 Compiler") || thread.startsWith("C2 Compiler")) {
        return HOTSPOT;
      }
      // The serial collector works on the VM's own thread.
      if (thread.startsWith("VM Thread") || thread.startsWith("GC Thread")) {
        return GC;
      }
      return thread.startsWith("translator") ? TRANSLATOR : MACHINE;
    }
  }

  /** Linux's USER_HZ on x86-64. */
  private static final double TICKS_PER_SECOND = 100;

  private static final int USER_TICKS = 11;
  private static final int SYSTEM_TICKS = 12;

  static final ProcessTimes NONE = new ProcessTimes(0, Map.of());

  /** Of a process that runs. */
  static ProcessTimes of(long pid, boolean java) throws IOException {
    Path process = Path.of("/proc", Long.toString(pid));
    double seconds = seconds(Files.readString(process.resolve("stat")));
    Map<Work, Double> byWork = new EnumMap<>(Work.class);
    if (java) {
      double others = 0;
      try (DirectoryStream<Path> threads = Files.newDirectoryStream(process.resolve("task"))) {
        for (Path thread : threads) {
          try {
            String stat = Files.readString(thread.resolve("stat"));
            Work work = Work.of(stat.substring(stat.indexOf('(') + 1, stat.lastIndexOf(')')));
            if (work != Work.MACHINE) {
              byWork.merge(work, seconds(stat), Double::sum);
              others += seconds(stat);
            }
          } catch (NoSuchFileException e) {
            // It has ended; the process has its time.
          }
        }
      }
      byWork.put(Work.MACHINE, Math.max(0, seconds - others));
    }
    return new ProcessTimes(seconds, byWork);
  }

  private static double seconds(String stat) {
    // The name in brackets may have blanks in it.
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    return (Long.parseLong(fields[USER_TICKS]) + Long.parseLong(fields[SYSTEM_TICKS]))
        / TICKS_PER_SECOND;
  }

  /** What came since. */
  ProcessTimes minus(ProcessTimes earlier) {
    Map<Work, Double> rest = new EnumMap<>(Work.class);
    byWork.forEach((work, spent) ->
        rest.put(work, Math.max(0, spent - earlier.byWork.getOrDefault(work, 0.0))));
    return new ProcessTimes(seconds - earlier.seconds, rest);
  }
}
