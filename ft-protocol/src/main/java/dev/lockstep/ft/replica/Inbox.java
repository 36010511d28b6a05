package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * What waits for a replica's thread, in order. The vCPU's thread waits when it is full; a peer that fills it further loses its link; the replica's own
 * workers, whose number is bounded, always find room.
 *
 * <p>The replica's thread may be a real-time one, and those that fill this are not: nothing here may wait for another thread by spinning, or a filler that shares its processor never gets to what is waited for.
 * The conditions of {@code java.util.concurrent} do, where a timeout meets a signal; a monitor spins for a moment only, but waits for whole milliseconds, twice as long as there may be between two marks. So a monitor
 * guards, and the taker parks.
 */
final class Inbox {
  /** Beyond this the vCPU's thread waits. */
  static final int VCPU_CAPACITY = 8_192;

  /** Beyond this a peer is cut off: it sends more than the protocol's windows let it. */
  private static final int PEER_CAPACITY = 1 << 17;

  private final ArrayDeque<Object> items = new ArrayDeque<>();
  private boolean closed;
  private int waitForRoom;

  /** The replica's thread, if it has found nothing and nothing has come since. */
  private @Nullable Thread taker;

  /** From the vCPU's thread: few of them at a time, which are looked at together. */
  void putFromVcpu(List<?> together) {
    Thread waiting;
    synchronized (this) {
      if (items.size() >= VCPU_CAPACITY) {
        awaitRoom();
      }
      if (closed) {
        throw new VmmException(
            "the replica is closed while its machine runs", "Nothing is to be done about it.");
      }
      waiting = add(together);
    }
    LockSupport.unpark(waiting);
  }

  /** From a peer; false if there is no room. */
  boolean offerFromPeer(Object item) {
    Thread waiting;
    synchronized (this) {
      if (closed || items.size() >= PEER_CAPACITY) {
        return false;
      }
      waiting = add(List.of(item));
    }
    LockSupport.unpark(waiting);
    return true;
  }

  /** From this replica's own threads. */
  void put(Object item) {
    Thread waiting;
    synchronized (this) {
      if (closed) {
        return;
      }
      waiting = add(List.of(item));
    }
    LockSupport.unpark(waiting);
  }

  /** Under the lock; who is to be woken behind it, so that it need not wait for the lock at once. */
  private @Nullable Thread add(Collection<?> together) {
    items.addAll(together);
    Thread waiting = taker;
    taker = null;
    return waiting;
  }

  private void awaitRoom() {
    boolean interrupted = false;
    waitForRoom++;
    while (items.size() >= VCPU_CAPACITY && !closed) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    waitForRoom--;
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** The next item, or null if none comes within that time or the inbox is closed. Of one thread. */
  @Nullable Object poll(long waitNanos) {
    long started = System.nanoTime();
    long left = waitNanos;
    while (true) {
      synchronized (this) {
        Object item = items.poll();
        if (item != null || closed || left <= 0) {
          taker = null;
          if (waitForRoom > 0 && items.size() < VCPU_CAPACITY) {
            notifyAll();
          }
          return item;
        }
        taker = Thread.currentThread();
      }
      LockSupport.parkNanos(this, left);
      if (Thread.interrupted()) {
        throw new IllegalStateException("a replica's threads are not interrupted");
      }
      left = waitNanos - (System.nanoTime() - started);
    }
  }

  /** Nothing is taken any more, and nobody waits. */
  void close() {
    Thread waiting;
    synchronized (this) {
      closed = true;
      items.clear();
      waiting = taker;
      notifyAll();
    }
    LockSupport.unpark(waiting);
  }
}
