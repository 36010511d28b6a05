package dev.lockstep.kvm;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.itimerspec;
import dev.lockstep.kvm.layout.timespec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * A POSIX timer on the monotonic clock that sends {@link KickSignal#NUMBER} to the thread that made it (timer_create(2), SIGEV_THREAD_ID): it ends KVM_RUN as a kick does, and {@link KvmVcpuHandle#takeKick}
 * tells that it was none. Owned by that thread.
 */
public final class KickTimer implements AutoCloseable {
  private static final MemorySegment CREATE = Libc.find("timer_create");
  private static final MemorySegment SETTIME = Libc.find("timer_settime");
  private static final MemorySegment DELETE = Libc.find("timer_delete");

  /** struct sigevent (sigevent(3type), bits/types/sigevent_t.h): its size, and where signal, kind and thread are. */
  static final long SIGEVENT_BYTES = 64, SIGNAL_AT = 8, NOTIFY_AT = 12, THREAD_AT = 16;

  private static final long NANOS_PER_SECOND = 1_000_000_000L;

  private final Arena arena = Arena.ofAuto();
  private final MemorySegment id;
  private final MemorySegment setting = itimerspec.allocate(arena);
  private boolean closed;

  /** By {@link System#nanoTime}, when the signal comes, not earlier than the kernel sends it; means nothing where the timer is not {@link #armed}. */
  private long due;

  private boolean armed;

  /** Makes the timer, not running. */
  public KickTimer() {
    MemorySegment event = arena.allocate(SIGEVENT_BYTES, 8);
    event.set(JAVA_INT, SIGNAL_AT, KickSignal.NUMBER);
    event.set(JAVA_INT, NOTIFY_AT, LinuxKvm.SIGEV_THREAD_ID());
    event.set(JAVA_INT, THREAD_AT, Libc.gettid());
    MemorySegment made = arena.allocate(ADDRESS);
    int result =
        Libc.call(CREATE, LinuxKvm.CLOCK_MONOTONIC(), Libc.address(event), Libc.address(made));
    Reference.reachabilityFence(event);
    if (result < 0) {
      throw new KvmException("timer_create", -1, -result);
    }
    id = made.get(ADDRESS, 0);
  }

  /**
   * Sends the signal once, so many nanoseconds from now; replaces what was set before.
   *
   * @param nanos at least 1; 0 stops the timer
   */
  public void set(long nanos) {
    set(nanos, System.nanoTime());
  }

  /**
   * Sends the signal at the latest so many nanoseconds from now. What was set before stays if it comes sooner: then the caller sees a signal before its time, and calls again. So a deadline that stays far
   * away costs a look at the clock, not two system calls a run.
   *
   * @param nanos at least 1
   */
  public void setWithin(long nanos) {
    long now = System.nanoTime();
    long left = due - now;
    if (!armed || left <= 0 || left > nanos) {
      set(nanos, now);
    }
  }

  private void set(long nanos, long now) {
    due = now + nanos;
    armed = nanos > 0;
    MemorySegment value = itimerspec.it_value(setting);
    timespec.tv_sec(value, nanos / NANOS_PER_SECOND);
    timespec.tv_nsec(value, nanos % NANOS_PER_SECOND);
    MemorySegment state = Libc.errnoState();
    int result;
    try {
      result =
          Libc.result(
              state,
              (int)
                  (long)
                      Libc.CALL.invokeExact(
                          SETTIME, state, id.address(), 0L, Libc.address(setting), 0L, 0L, 0L));
    } catch (Throwable e) {
      throw Libc.broken(e);
    } finally {
      Reference.reachabilityFence(setting);
    }
    if (result < 0) {
      throw new KvmException("timer_settime", -1, -result);
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      Libc.call(DELETE, id.address(), 0, 0);
    }
  }
}
