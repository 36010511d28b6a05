package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What waits for a replica's thread, in order. The vCPU's thread waits when it is full; a peer that fills it further loses its link; the replica's own
 * workers, whose number is bounded, always find room.
 */
final class Inbox {
  /** Beyond this the vCPU's thread waits. */
  private static final int VCPU_CAPACITY = 8_192;

  /** Beyond this a peer is cut off: it sends more than the protocol's windows let it. */
  private static final int PEER_CAPACITY = 1 << 17;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition come = lock.newCondition();
  private final Condition room = lock.newCondition();
  private final ArrayDeque<Object> items = new ArrayDeque<>();
  private boolean closed;

  /** From the vCPU's thread: few of them at a time, which are looked at together. */
  void putFromVcpu(List<?> together) {
    lock.lock();
    try {
      while (items.size() >= VCPU_CAPACITY && !closed) {
        room.awaitUninterruptibly();
      }
      if (closed) {
        throw new VmmException(
            "the replica is closed while its machine runs", "Nothing is to be done about it.");
      }
      items.addAll(together);
      come.signal();
    } finally {
      lock.unlock();
    }
  }

  /** From a peer; false if there is no room. */
  boolean offerFromPeer(Object item) {
    lock.lock();
    try {
      if (closed || items.size() >= PEER_CAPACITY) {
        return false;
      }
      add(item);
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** From this replica's own threads. */
  void put(Object item) {
    lock.lock();
    try {
      if (!closed) {
        add(item);
      }
    } finally {
      lock.unlock();
    }
  }

  /** The next item, or null if none comes within that time or the inbox is closed. */
  @Nullable Object poll(long waitNanos) {
    lock.lock();
    try {
      // A monitor would wait for whole milliseconds, twice as long as there may be between two
      // marks.
      long left = waitNanos;
      while (items.isEmpty() && !closed && left > 0) {
        left = come.awaitNanos(left);
      }
      Object item = items.poll();
      if (items.size() < VCPU_CAPACITY) {
        room.signal();
      }
      return item;
    } catch (InterruptedException e) {
      throw new IllegalStateException("a replica's threads are not interrupted", e);
    } finally {
      lock.unlock();
    }
  }

  /** Nothing is taken any more, and nobody waits. */
  void close() {
    lock.lock();
    try {
      closed = true;
      items.clear();
      come.signalAll();
      room.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void add(Object item) {
    items.add(item);
    come.signal();
  }
}
