package dev.lockstep.kvm;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * How the kernel weighs this process's threads against those of others on a busy host (sched(7)). Policy and nice value belong to a thread, and a new thread begins with its maker's: so those that answer for a
 * VM's life, the JVM's own collector among them, can go before everything else, while vCPUs and bulk work wait their turn. Nice values alone do not do it: they count within one control group or session only.
 */
public final class ThreadPriority {
  /** What a process is allowed. */
  public enum Urgency {
    /** Its urgent threads go before every ordinary one of the host (SCHED_RR, lowest real-time priority). */
    REAL_TIME,
    /** They go before the ordinary ones of their group (nice {@value #URGENT_NICE}). */
    NICE,
    /** They wait their turn. */
    NONE
  }

  /** Far before ordinary threads, not before the kernel's. */
  private static final int URGENT_NICE = -15;

  private static final int REAL_TIME_PRIORITY = 1;
  private static final int SCHED_OTHER = 0;
  private static final int SCHED_RR = 2;
  private static final int PRIO_PROCESS = 0;

  private static final Path TASKS = Path.of("/proc/self/task");

  /** HotSpot's compilers have work for seconds, which nobody waits for. */
  private static final String COMPILERS = "C[12] Compiler.*";

  private static final MethodHandle SETPRIORITY =
      Libc.find("setpriority", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle GETPRIORITY =
      Libc.find("getpriority", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle SETSCHEDULER =
      Libc.find("sched_setscheduler", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle GETSCHEDULER =
      Libc.find("sched_getscheduler", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

  private static volatile Urgency urgency = Urgency.NONE;
  private static volatile int ordinaryNice;

  private ThreadPriority() {}

  /** Makes every thread of this process but HotSpot's compilers as urgent as this user may, and with them those that they make; {@link #makeOrdinary} takes a thread out. */
  public static synchronized Urgency makeProcessUrgent() {
    if (urgency != Urgency.NONE) {
      return urgency;
    }
    ordinaryNice = nice();
    urgency = tryMake(0);
    if (urgency != Urgency.NONE) {
      try (DirectoryStream<Path> tasks = Files.newDirectoryStream(TASKS)) {
        for (Path task : tasks) {
          makeUrgent(task);
        }
      } catch (IOException e) {
        return urgency; // without /proc at least this thread and those that it makes
      }
    }
    return urgency;
  }

  private static void makeUrgent(Path task) {
    try {
      if (!Files.readString(task.resolve("comm")).strip().matches(COMPILERS)) {
        tryMake(Integer.parseInt(String.valueOf(task.getFileName())));
      }
    } catch (IOException e) {
      // It has ended since, which is no loss.
    }
  }

  private static Urgency tryMake(int thread) {
    if (setScheduler(thread, SCHED_RR, REAL_TIME_PRIORITY) == 0) {
      return Urgency.REAL_TIME;
    }
    return setNice(thread, URGENT_NICE) == 0 ? Urgency.NICE : Urgency.NONE;
  }

  /** Lets the calling thread, and those that it makes, wait their turn, as this process did at first. */
  public static void makeOrdinary() {
    switch (urgency) {
      case REAL_TIME -> setScheduler(0, SCHED_OTHER, 0);
      case NICE -> setNice(0, ordinaryNice);
      case NONE -> {}
    }
  }

  /** How urgent the calling thread is. */
  public static Urgency own() {
    int policy;
    try {
      policy = Libc.result((int) GETSCHEDULER.invokeExact(Libc.errnoState(), 0));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
    if (policy == SCHED_RR) {
      return Urgency.REAL_TIME;
    }
    return nice() == URGENT_NICE ? Urgency.NICE : Urgency.NONE;
  }

  private static int nice() {
    try {
      return (int) GETPRIORITY.invokeExact(Libc.errnoState(), PRIO_PROCESS, 0);
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  private static int setNice(int thread, int nice) {
    try {
      return Libc.result(
          (int) SETPRIORITY.invokeExact(Libc.errnoState(), PRIO_PROCESS, thread, nice));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  /** {@code struct sched_param} is one int (sched.h). */
  private static int setScheduler(int thread, int policy, int priority) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment parameter = arena.allocateFrom(JAVA_INT, priority);
      return Libc.result(
          (int) SETSCHEDULER.invokeExact(Libc.errnoState(), thread, policy, parameter));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }
}
