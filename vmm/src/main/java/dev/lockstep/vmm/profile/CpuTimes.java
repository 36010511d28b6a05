package dev.lockstep.vmm.profile;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * CPU time of this process by what its threads are for, user and system, as Linux accounts for it (proc(5), /proc/pid/task/tid/stat), in its ticks of a hundredth of a second. A thread that ends takes
 * its account along, so all are looked at again and again; what a thread did between the last look and its end is not told apart.
 */
final class CpuTimes implements AutoCloseable {
  /** What threads are for, told by their names, which Linux cuts at 15 characters. */
  enum Group {
    VCPU("vCPU"),
    COMPILERS("HotSpot's compilers"),
    TRANSLATOR("translator"),
    COLLECTOR("garbage collection, VM operations"),
    PROFILER("this profile"),
    /** Java's start, devices' threads, the console. */
    OTHERS("all other threads"),
    /** The process's time that none of the looks found with a thread. */
    ENDED("not told apart");

    private final String label;

    Group(String label) {
      this.label = label;
    }

    String label() {
      return label;
    }

    static Group of(String thread) {
      if (thread.startsWith("vcpu-")) {
        return VCPU;
      }
      if (thread.startsWith("C1 Compiler") || thread.startsWith("C2 Compiler")) {
        return COMPILERS;
      }
      // The serial collector works on the VM's own thread.
      if (thread.startsWith("VM Thread") || thread.startsWith("GC Thread")) {
        return COLLECTOR;
      }
      if (thread.startsWith("JFR ") || thread.equals(THREAD)) {
        return PROFILER;
      }
      return thread.startsWith("translator") ? TRANSLATOR : OTHERS;
    }
  }

  private static final String THREAD = "profile";
  private static final Path PROCESS = Path.of("/proc/self");
  private static final long MILLIS_BETWEEN_LOOKS = 50;

  /** Linux's USER_HZ on x86-64. */
  private static final double TICKS_PER_SECOND = 100;

  /** Fields of a stat file behind the name in brackets. */
  private static final int USER_TICKS = 11;

  private static final int SYSTEM_TICKS = 12;

  /** A thread as last seen. */
  private record Seen(Group group, double seconds) {}

  private final Map<String, Seen> threads = new HashMap<>();
  private final ScheduledExecutorService looks;

  CpuTimes() {
    looks =
        Executors.newSingleThreadScheduledExecutor(task -> {
          Thread thread = new Thread(task, THREAD);
          thread.setDaemon(true);
          return thread;
        });
    look();
    looks.scheduleAtFixedRate(
        this::look, MILLIS_BETWEEN_LOOKS, MILLIS_BETWEEN_LOOKS, TimeUnit.MILLISECONDS);
  }

  private synchronized void look() {
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(PROCESS.resolve("task"))) {
      for (Path task : tasks) {
        try {
          look(task.getFileName().toString(), Files.readString(task.resolve("stat")));
        } catch (IOException e) {
          // It has ended meanwhile.
        }
      }
    } catch (IOException e) {
      // The next look may see them.
    }
  }

  private void look(String id, String stat) {
    String name = stat.substring(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    Seen now = new Seen(Group.of(name), seconds(stat));
    Seen before = threads.get(id);
    if (before != null && before.seconds > now.seconds) {
      // Another thread with the number of one that has ended.
      threads.put(id + " before " + threads.size(), before);
    }
    threads.put(id, now);
  }

  private static double seconds(String stat) {
    // The name in brackets may have blanks in it.
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    return (Long.parseLong(fields[USER_TICKS]) + Long.parseLong(fields[SYSTEM_TICKS]))
        / TICKS_PER_SECOND;
  }

  /** Seconds since the process began, by group; all of it together is the whole process's. */
  synchronized Map<Group, Double> byGroup() throws IOException {
    look();
    Map<Group, Double> groups = new EnumMap<>(Group.class);
    for (Group group : Group.values()) {
      groups.put(group, 0.0);
    }
    threads.values().forEach(seen -> groups.merge(seen.group, seen.seconds, Double::sum));
    double told = groups.values().stream().mapToDouble(it -> it).sum();
    double whole = seconds(Files.readString(PROCESS.resolve("stat")));
    groups.put(Group.ENDED, Math.max(0, whole - told));
    return groups;
  }

  @Override
  public void close() {
    looks.shutdownNow();
  }
}
