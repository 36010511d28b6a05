package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import java.util.ArrayDeque;
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

  private final ArrayDeque<Object> items = new ArrayDeque<>();
  private boolean closed;

  /** From the vCPU's thread. */
  synchronized void putFromVcpu(Object item) {
    while (items.size() >= VCPU_CAPACITY && !closed) {
      await(0);
    }
    if (closed) {
      throw new VmmException(
          "the replica is closed while its machine runs", "Nothing is to be done about it.");
    }
    add(item);
  }

  /** From a peer; false if there is no room. */
  synchronized boolean offerFromPeer(Object item) {
    if (closed || items.size() >= PEER_CAPACITY) {
      return false;
    }
    add(item);
    return true;
  }

  /** From this replica's own threads. */
  synchronized void put(Object item) {
    if (!closed) {
      add(item);
    }
  }

  /** The next item, or null if none comes within that time or the inbox is closed. */
  synchronized @Nullable Object poll(long waitNanos) {
    if (items.isEmpty() && !closed && waitNanos > 0) {
      await(waitNanos);
    }
    Object item = items.poll();
    if (items.size() == VCPU_CAPACITY - 1) {
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

  private void add(Object item) {
    items.add(item);
    if (items.size() == 1) {
      notifyAll();
    }
  }

  private void await(long nanos) {
    try {
      if (nanos == 0) {
        wait();
      } else {
        wait(nanos / 1_000_000, (int) (nanos % 1_000_000));
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException("a replica's threads are not interrupted", e);
    }
  }
}
