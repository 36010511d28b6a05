package dev.lockstep.ft.replica;

import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Who does a replica's work: one thread at a time, and not always the same. The work is a row of turns; in each, what has come is looked at, and the clock. While
 * there is a link, turns are taken on the thread that its messages come on: an answer to one is sent by who has read it, and what the vCPU says is sent by who is woken for it. A thread
 * between the two would be woken for each message as well, which on a busy host costs more than all that is done with it. The replica's own thread takes what is due by the clock, and everything where there is no
 * link.
 *
 * <p>Nobody waits for a turn of another thread: who finds one under way leaves, and who has taken it looks again behind it. So a thread of high priority never
 * waits for one of a lower, by spinning or otherwise.
 */
final class Turns {
  /** A replica's work. */
  interface Work {
    /**
     * Looks at what has come and at the clock, once.
     *
     * @return false if this was the last turn
     */
    boolean turn();

    /** Whether something waits to be looked at; if not, {@link Turns#wake} is called when something comes. Asked behind each turn too. Any thread. */
    boolean hasCome();

    /** When the next turn is due although nothing comes, by the clock. Asked behind each turn. */
    long dueNanos();
  }

  private static final long AT_THE_END_NANOS = 1_000_000;

  private final Work work;
  private final LongSupplier clock;
  private final AtomicBoolean taken = new AtomicBoolean();
  private final Runnable nearTurn = this::takeNear;
  private volatile boolean begun;
  private volatile boolean over;
  private volatile long due;
  private volatile @Nullable Executor near;
  private volatile @Nullable Throwable failure;
  private volatile @Nullable Thread own;

  /** How long the replica's own thread sleeps if nobody wakes it; what is due before, it is woken for. */
  private volatile long sleepsUntil = Long.MAX_VALUE;

  /**
   * @param clock nanoseconds, of the same kind as {@link Work#dueNanos}
   */
  Turns(Work work, LongSupplier clock) {
    this.work = work;
    this.clock = clock;
  }

  /** Takes turns, or lets them be taken, until one was the last or {@link #end} is called; none is under way then. What a turn threw, on whatever thread, is thrown. */
  void takeUntilOver() throws Throwable {
    own = Thread.currentThread();
    begun = true;
    while (!over) {
      if (isWanted()) {
        // Before the attempt: who has a turn now sees it behind that turn, and wakes this thread.
        sleepsUntil = Long.MAX_VALUE;
        if (!takeTurn()) {
          park(Long.MAX_VALUE);
        }
      } else {
        long until = due;
        sleepsUntil = until;
        if (!over && !isWanted() && due == until) {
          park(until - clock.getAsLong());
        }
      }
    }
    while (!taken.compareAndSet(false, true)) {
      LockSupport.parkNanos(this, AT_THE_END_NANOS);
    }
    Throwable why = failure;
    if (why != null) {
      throw why;
    }
  }

  private void park(long nanos) {
    LockSupport.parkNanos(this, nanos);
    if (Thread.interrupted()) {
      throw new IllegalStateException("a replica's threads are not interrupted");
    }
  }

  /** From now on turns are taken there; it runs what it is given one by one, and later, never at once. Any thread. */
  void takeNearLink(Executor thread) {
    near = thread;
  }

  /** Something has come. Any thread; does not wait. */
  void wake() {
    Executor there = near;
    if (there == null || over) {
      LockSupport.unpark(own);
      return;
    }
    try {
      there.execute(nearTurn);
    } catch (RejectedExecutionException e) {
      // That link is gone for good.
      near = null;
      LockSupport.unpark(own);
    }
  }

  /** There are no more turns; one may still be under way. Any thread; does not wait. */
  void end() {
    over = true;
    LockSupport.unpark(own);
  }

  private void takeNear() {
    // One at a time: what the link has for its thread to do goes between.
    if (isWanted() && takeTurn() && isWanted()) {
      wake();
    }
  }

  private boolean isWanted() {
    return begun && !over && (work.hasCome() || clock.getAsLong() >= due);
  }

  /** False if another thread takes one, which looks behind it whether there is more. */
  private boolean takeTurn() {
    if (!taken.compareAndSet(false, true)) {
      return false;
    }
    try {
      if (!over) {
        if (!work.turn()) {
          over = true;
        }
        due = work.dueNanos();
      }
    } catch (Throwable e) {
      failure = e;
      over = true;
    } finally {
      taken.set(false);
    }
    if (Thread.currentThread() != own && (over || due < sleepsUntil)) {
      LockSupport.unpark(own);
    }
    return true;
  }
}
