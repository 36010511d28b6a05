package dev.lockstep.kvm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * Makes real-time threads that keep a processor busy ordinary ones for a while. Nothing of theirs takes so long but waiting: HotSpot waits for its own threads in places by yielding and by naps of ten microseconds (its tables' {@code
 * GlobalCounter::write_synchronize}; a caller whose callee is being replaced), in which an ordinary thread that was put off the processor in the middle of something never gets on. Two
 * of them, in code that had not run before, took both processors of a host for a second, until the kernel stepped in (sched(7), sched_rt_runtime_us), while a guest waited to go on.
 *
 * <p>One thread of a higher real-time priority looks at the others' processor clocks 50 times a second.
 */
final class RealTimeWatch {
  private static final long TURN_NANOS = 20_000_000;

  /** So often the process is looked through for threads. */
  private static final int TURNS_BETWEEN_SCANS = 5;

  /** Of a turn: who naps in between runs less than the whole. */
  private static final double BUSY_SHARE = 0.75;

  /** So many turns a thread is busy before it has to rest, and so many it rests. */
  private static final int BUSY_TURNS = 2, REST_TURNS = 10;

  /** {@code MAKE_THREAD_CPUCLOCK(thread, CPUCLOCK_SCHED)} (linux/posix-timers_types.h): the clock of a thread by its number. */
  private static final int CLOCK_SHIFT = 3, CLOCK_OF_THREAD = 6;

  private static final long NANOS_PER_SECOND = 1_000_000_000;
  private static final MemorySegment CLOCK_GETTIME = Libc.find("clock_gettime");

  /** What is known of a thread. */
  private static final class Watched {
    private long usedNanos = -1;
    private int busyTurns;
    private int turnsToRest;
    private boolean seen;
  }

  private final Map<Integer, Watched> threads = new HashMap<>();
  private final MemorySegment time;

  private RealTimeWatch(Arena arena) {
    time = arena.allocate(2 * JAVA_LONG.byteSize());
  }

  /** Begins, for as long as the process lives. */
  static void begin() {
    Thread.ofPlatform()
        .daemon()
        .name("rt-watch")
        .start(() -> {
          try (Arena arena = Arena.ofConfined()) {
            new RealTimeWatch(arena).watch();
          }
        });
  }

  private void watch() {
    ThreadPriority.makeWatcher();
    long before = System.nanoTime();
    for (int turn = 0; ; turn++) {
      if (turn % TURNS_BETWEEN_SCANS == 0) {
        scan();
      }
      LockSupport.parkNanos(TURN_NANOS);
      long now = System.nanoTime();
      long elapsed = now - before;
      before = now;
      threads.forEach((thread, watched) -> look(thread, watched, elapsed));
    }
  }

  /** Finds the real-time threads that there are, and those that rest. */
  private void scan() {
    threads.values().forEach(watched -> watched.seen = false);
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(ThreadPriority.TASKS)) {
      for (Path task : tasks) {
        int thread = Integer.parseInt(String.valueOf(task.getFileName()));
        if (ThreadPriority.isRealTime(thread)) {
          known(thread);
        } else if (ThreadPriority.rests(thread)) {
          Watched watched = known(thread);
          watched.turnsToRest = Math.max(1, watched.turnsToRest);
        }
      }
    } catch (IOException e) {
      return; // without /proc none are found
    }
    threads.values().removeIf(watched -> !watched.seen);
  }

  private Watched known(int thread) {
    Watched watched = threads.computeIfAbsent(thread, it -> new Watched());
    watched.seen = true;
    return watched;
  }

  private void look(int thread, Watched watched, long elapsedNanos) {
    if (watched.turnsToRest > 0) {
      watched.turnsToRest--;
      if (watched.turnsToRest == 0) {
        ThreadPriority.endRest(thread);
        watched.usedNanos = -1;
      }
      return;
    }
    long used = usedNanos(thread);
    boolean busy =
        used >= 0 && watched.usedNanos >= 0 && used - watched.usedNanos > BUSY_SHARE * elapsedNanos;
    watched.usedNanos = used;
    watched.busyTurns = busy ? watched.busyTurns + 1 : 0;
    if (watched.busyTurns >= BUSY_TURNS) {
      watched.busyTurns = 0;
      watched.turnsToRest = REST_TURNS;
      ThreadPriority.rest(thread);
    }
  }

  /** The processor time that a thread has had; -1 if it has ended. */
  private long usedNanos(int thread) {
    int clock = ~thread << CLOCK_SHIFT | CLOCK_OF_THREAD;
    return Libc.call(CLOCK_GETTIME, clock, Libc.address(time), 0) == 0
        ? time.getAtIndex(JAVA_LONG, 0) * NANOS_PER_SECOND + time.getAtIndex(JAVA_LONG, 1)
        : -1;
  }
}
