package dev.lockstep.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
    /** Its urgent threads go before every ordinary one of the host (SCHED_RR, lowest real-time priority), as long as they do not keep a processor busy. */
    REAL_TIME,
    /** They go before the ordinary ones of their group (nice {@value #URGENT_NICE}). */
    NICE,
    /** They wait their turn. */
    NONE
  }

  /** Far before ordinary threads, not before the kernel's. */
  private static final int URGENT_NICE = -15;

  private static final int REAL_TIME_PRIORITY = 1;

  /** Of whoever watches them. */
  private static final int WATCHER_PRIORITY = 2;

  private static final int SCHED_OTHER = 0;
  private static final int SCHED_RR = 2;
  private static final int SCHED_BATCH = 3;
  private static final int PRIO_PROCESS = 0;

  static final Path TASKS = Path.of("/proc/self/task");

  /** HotSpot's compilers have work for seconds, which nobody waits for. */
  private static final String COMPILERS = "C[12] Compiler.*";

  /** {@code __NR_sched_setattr} and {@code __NR_sched_getattr} on x86-64 (asm/unistd_64.h); the C library has no names for them before glibc 2.41. */
  private static final long SETATTR_NUMBER = 314, GETATTR_NUMBER = 315;

  /** {@code struct sched_attr}, version 0 (linux/sched/types.h): size, policy, flags, nice, priority, runtime, deadline, period. */
  private static final int ATTR_BYTES = 48;

  private static final long ATTR_POLICY = 4, ATTR_NICE = 16, ATTR_RUNTIME = 24;

  private static final MemorySegment SYSCALL = Libc.find("syscall");
  private static final MemorySegment GETPRIORITY = Libc.find("getpriority");
  private static final MemorySegment SETPRIORITY = Libc.find("setpriority");
  private static final MemorySegment SETSCHEDULER = Libc.find("sched_setscheduler");
  private static final MemorySegment GETSCHEDULER = Libc.find("sched_getscheduler");

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
    if (urgency == Urgency.REAL_TIME) {
      RealTimeWatch.begin();
    }
    return urgency;
  }

  private static void makeUrgent(Path task) {
    try {
      int thread = Integer.parseInt(String.valueOf(task.getFileName()));
      if (!Files.readString(task.resolve("comm")).strip().matches(COMPILERS)) {
        tryMake(thread);
      } else if (rests(thread)) {
        // A process that was started so: what rests later is to be an urgent thread again.
        setScheduler(thread, SCHED_OTHER, 0);
      }
    } catch (IOException e) {
      // It has ended since, which is no loss.
    }
  }

  /**
   * Not real-time threads where there is one processor for all: the JVM waits for its own compilers in places by spinning (a caller whose callee is being replaced asks for it again and again, until the thread that
   * replaces it goes on), and a real-time thread that spins keeps the compiler from the processor until the kernel steps in, which it does after 0.95 s (sched(7), sched_rt_runtime_us): longer than a peer waits. A nice
   * value leaves the others some percent.
   */
  private static Urgency tryMake(int thread) {
    if (Runtime.getRuntime().availableProcessors() > 1
        && setScheduler(thread, SCHED_RR, REAL_TIME_PRIORITY) == 0) {
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

  /** Makes the calling thread one that looks after the urgent ones. */
  static void makeWatcher() {
    setScheduler(0, SCHED_RR, WATCHER_PRIORITY);
  }

  /** Whether a thread of this process is a real-time one that is to be looked after. */
  static boolean isRealTime(int thread) {
    return thread != Libc.gettid() && policy(thread) == SCHED_RR;
  }

  /** Whether a thread of this process rests from being a real-time one, or was made by one that did. */
  static boolean rests(int thread) {
    return policy(thread) == SCHED_BATCH;
  }

  /** Makes a real-time thread of this process an ordinary one that does not interrupt others, which none of this process is by itself. */
  static void rest(int thread) {
    setScheduler(thread, SCHED_BATCH, 0);
  }

  /** Makes a thread that rests a real-time thread again. */
  static void endRest(int thread) {
    if (rests(thread)) {
      setScheduler(thread, SCHED_RR, REAL_TIME_PRIORITY);
    }
  }

  /**
   * Asks that the calling thread, an ordinary one, soon gets the processor when it wakes: by time slices shorter than those of others it runs before them, and no longer than its share (since Linux 6.12, sched_setattr(2) takes a
   * slice for ordinary threads; kernels before it take no notice).
   *
   * @param nanos the slice; the kernel keeps it between 0.1 and 100 ms
   * @return whether the kernel knows of it now
   */
  public static boolean setSlice(long nanos) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(ATTR_BYTES, Long.BYTES);
      attributes.set(JAVA_INT, 0, ATTR_BYTES);
      attributes.set(JAVA_INT, ATTR_POLICY, SCHED_OTHER);
      attributes.set(JAVA_INT, ATTR_NICE, nice());
      attributes.set(JAVA_LONG, ATTR_RUNTIME, nanos);
      return Libc.callLong(SYSCALL, SETATTR_NUMBER, 0, Libc.address(attributes), 0, 0, 0) == 0;
    }
  }

  /** The calling thread's slice in nanoseconds; 0 where the kernel does not say. */
  public static long slice() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(ATTR_BYTES, Long.BYTES);
      long answer =
          Libc.callLong(SYSCALL, GETATTR_NUMBER, 0, Libc.address(attributes), ATTR_BYTES, 0, 0);
      return answer == 0 ? attributes.get(JAVA_LONG, ATTR_RUNTIME) : 0;
    }
  }

  /** How urgent the calling thread is. */
  public static Urgency own() {
    if (policy(0) == SCHED_RR) {
      return Urgency.REAL_TIME;
    }
    return nice() == URGENT_NICE ? Urgency.NICE : Urgency.NONE;
  }

  private static int policy(int thread) {
    return Libc.call(GETSCHEDULER, thread, 0, 0);
  }

  private static int nice() {
    return Libc.callPlain(GETPRIORITY, PRIO_PROCESS, 0, 0);
  }

  private static int setNice(int thread, int nice) {
    return Libc.call(SETPRIORITY, PRIO_PROCESS, thread, nice);
  }

  /** {@code struct sched_param} is one int (sched.h). */
  private static int setScheduler(int thread, int policy, int priority) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment parameter = arena.allocateFrom(JAVA_INT, priority);
      return Libc.call(SETSCHEDULER, thread, policy, Libc.address(parameter));
    }
  }
}
