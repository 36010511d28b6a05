package dev.lockstep.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * How the kernel weighs this process's threads against those of others on a busy host. Linux keeps the nice value (setpriority(2), sched(7)) for each thread, and a new thread begins with its maker's: so those
 * that answer for a VM's life, the JVM's own among them, can go before everything else while the vCPUs wait their turn.
 */
public final class ThreadPriority {
  /** What threads have that must not wait: far before ordinary ones, not before the kernel's. */
  public static final int URGENT_NICE = -15;

  private static final Path TASKS = Path.of("/proc/self/task");
  private static final int PRIO_PROCESS = 0;

  private static final MethodHandle SETPRIORITY =
      Libc.find("setpriority", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle GETPRIORITY =
      Libc.find("getpriority", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));

  private static volatile boolean urgent;
  private static volatile int ordinaryNice;

  private ThreadPriority() {}

  /**
   * Makes every thread of this process urgent, and with them those that they make; {@link #makeOrdinary} takes a thread out.
   *
   * @return false if this user may not (it takes CAP_SYS_NICE or RLIMIT_NICE); then nothing has changed
   */
  public static synchronized boolean makeProcessUrgent() {
    if (urgent) {
      return true;
    }
    ordinaryNice = own();
    if (ordinaryNice <= URGENT_NICE) {
      return true;
    }
    if (set(0, URGENT_NICE) != 0) {
      return false;
    }
    urgent = true;
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(TASKS)) {
      for (Path task : tasks) {
        // One that has ended since is no loss.
        set(Integer.parseInt(String.valueOf(task.getFileName())), URGENT_NICE);
      }
    } catch (IOException e) {
      return true; // without /proc at least this thread and those that it makes
    }
    return true;
  }

  /** Lets the calling thread wait its turn, as this process did at first. */
  public static void makeOrdinary() {
    if (urgent) {
      set(0, ordinaryNice);
    }
  }

  /** The calling thread's nice value, -20 to 19. */
  public static int own() {
    try {
      return (int) GETPRIORITY.invokeExact(Libc.errnoState(), PRIO_PROCESS, 0);
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  private static int set(int thread, int nice) {
    try {
      return Libc.result(
          (int) SETPRIORITY.invokeExact(Libc.errnoState(), PRIO_PROCESS, thread, nice));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }
}
