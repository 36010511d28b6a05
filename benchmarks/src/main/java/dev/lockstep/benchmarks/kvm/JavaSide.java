package dev.lockstep.benchmarks.kvm;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The Java sides' loops: the same as those of {@code kvm-loops.c}. */
abstract class JavaSide implements Side {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private static final long BEFORE_KICK_NANOS = 50_000;
  private static final int WARM_UP_TURNS = 6_000, WARM_UP_SAMPLES = 10;

  /** What is timed, and what comes before and after it without being timed. */
  record Work(@Nullable Runnable before, Runnable once, @Nullable Runnable after) {
    Work(Runnable once) {
      this(null, once, null);
    }
  }

  /** Bytes that this thread has allocated so far. */
  static long allocatedSoFar() {
    return THREADS.getCurrentThreadAllocatedBytes();
  }

  private long allocated;
  private volatile long armed;
  private volatile long kickedAt;

  /** Keeps what was read alive. */
  long sink;

  long pages;

  final void time(Work work, long[] nanos) {
    Runnable before = work.before();
    Runnable once = work.once();
    Runnable after = work.after();
    pages = 0;
    long bytes = allocatedSoFar();
    for (int i = 0; i < nanos.length; i++) {
      if (before != null) {
        before.run();
      }
      long start = System.nanoTime();
      once.run();
      nanos[i] = System.nanoTime() - start;
      if (after != null) {
        after.run();
      }
    }
    allocated = allocatedSoFar() - bytes;
  }

  /**
   * Takes samples without what comes before and after, so often that HotSpot compiles what is timed, and the loop around it, whole; where a guest works between two samples, those would be too few. Short
   * turns, since a method that is called seldom gets compiled for the loop it is in, not for its next call.
   */
  final void compile(Work work) {
    if (work.before() != null) {
      long[] nanos = new long[WARM_UP_SAMPLES];
      // Several that do nothing, so that the compiler does not bet on one and lose when it is
      // another.
      List<Runnable> nothing = List.of(() -> sink++, () -> sink--, () -> sink += 2);
      for (int i = 0; i < WARM_UP_TURNS; i++) {
        Runnable none = nothing.get(i % nothing.size());
        time(new Work(none, work.once(), i % 2 == 0 ? none : work.after()), nanos);
      }
    }
  }

  /** Kicks from this thread, so often that HotSpot compiles them: on a busy host the samples would be too few. */
  final void compileKicks() {
    for (int i = 0; i < WARM_UP_TURNS * WARM_UP_SAMPLES; i++) {
      kickedAt = System.nanoTime();
      kick();
      sink += runToKick();
    }
  }

  /** Runs the vCPU until the kick that is under way has been taken; returns the time that counts. */
  abstract long runToKick();

  abstract void kick();

  final void timeKicks(long[] nanos) {
    armed = 0;
    Thread other = new Thread(() -> kicks(nanos.length), "kicker");
    other.start();
    long bytes = allocatedSoFar();
    for (int i = 0; i < nanos.length; i++) {
      armed = i + 1;
      long returned = runToKick();
      nanos[i] = returned - kickedAt;
    }
    allocated = allocatedSoFar() - bytes;
    try {
      other.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private void kicks(int count) {
    for (long i = 1; i <= count; i++) {
      while (armed != i) {
        Thread.onSpinWait();
      }
      long start = System.nanoTime();
      while (System.nanoTime() - start < BEFORE_KICK_NANOS) {
        Thread.onSpinWait();
      }
      kickedAt = System.nanoTime();
      kick();
    }
  }

  @Override
  public final long allocated() {
    return allocated;
  }

  @Override
  public final long pages() {
    return pages;
  }

  /** An exit that is not the one of this guest. */
  static IllegalStateException wrong(Object exit) {
    return new IllegalStateException("the guest's exit was another: " + exit);
  }
}
