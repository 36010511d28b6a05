package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What waits for a replica's next turn, in order. The vCPU's thread waits when it is full; a peer that fills it further loses its link; the replica's own
 * workers, whose number is bounded, always find room.
 *
 * <p>Those that take turns may be real-time threads, and those that fill this are not: nothing here may wait for another thread by spinning, or a filler that shares its processor never gets to what is waited for.
 * So a monitor guards, which spins for a moment only, and nobody waits for something to come: who has asked and heard that there is nothing is woken.
 */
final class Inbox {
  /** Beyond this the vCPU's thread waits. */
  static final int VCPU_CAPACITY = 8_192;

  /** Beyond this a peer is cut off: it sends more than the protocol's windows let it. */
  private static final int PEER_CAPACITY = 1 << 17;

  private final ArrayDeque<Object> items = new ArrayDeque<>();
  private boolean closed;
  private int waitForRoom;
  private final Runnable wake;

  /** Whether whoever takes has asked and heard that nothing waits, and nothing has come since. */
  private boolean wakes;

  /**
   * @param wake called when something has come after somebody was told that nothing waits: on the thread that brings it, so it must not wait
   */
  Inbox(Runnable wake) {
    this.wake = wake;
  }

  /** From the vCPU's thread: few of them at a time, which are looked at together. */
  void putFromVcpu(List<?> together) {
    boolean wanted;
    synchronized (this) {
      if (items.size() >= VCPU_CAPACITY) {
        awaitRoom();
      }
      if (closed) {
        throw new VmmException(
            "the replica is closed while its machine runs", "Nothing is to be done about it.");
      }
      wanted = add(together);
    }
    wakeIf(wanted);
  }

  /** From a peer; false if there is no room. */
  boolean offerFromPeer(Object item) {
    boolean wanted;
    synchronized (this) {
      if (closed || items.size() >= PEER_CAPACITY) {
        return false;
      }
      wanted = add(List.of(item));
    }
    wakeIf(wanted);
    return true;
  }

  /** From this replica's own threads. */
  void put(Object item) {
    boolean wanted;
    synchronized (this) {
      if (closed) {
        return;
      }
      wanted = add(List.of(item));
    }
    wakeIf(wanted);
  }

  /** Under the lock; whether somebody is to be woken behind it, so that he need not wait for the lock at once. */
  private boolean add(Collection<?> together) {
    items.addAll(together);
    boolean wanted = wakes;
    wakes = false;
    return wanted;
  }

  private void wakeIf(boolean wanted) {
    if (wanted) {
      wake.run();
    }
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

  /** Whether something waits to be taken. If not, what comes next wakes. */
  synchronized boolean hasItems() {
    wakes = items.isEmpty();
    return !wakes;
  }

  /** The next item, or null if there is none or the inbox is closed. Wakes nobody until its taker has asked {@link #hasItems} behind it. One thread at a time. */
  synchronized @Nullable Object poll() {
    wakes = false;
    Object item = items.poll();
    if (waitForRoom > 0 && items.size() < VCPU_CAPACITY) {
      notifyAll();
    }
    return item;
  }

  /** Nothing is taken any more, and nobody waits. */
  synchronized void close() {
    closed = true;
    items.clear();
    notifyAll();
  }
}
