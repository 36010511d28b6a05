package dev.lockstep.ft.control;

import com.google.protobuf.Timestamp;
import dev.lockstep.ft.control.proto.Event;
import dev.lockstep.ft.control.proto.VmStatus;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** The last events of a process, by number. Bounded: the oldest go, and who wanted them is told how many. Safe for use by several threads; publishing never waits for a consumer. */
public final class EventRing {
  private final Event[] ring;

  /** Of the next event. */
  private long next = 1;

  private boolean closed;

  /**
   * @param capacity how many events are kept
   */
  public EventRing(int capacity) {
    ring = new Event[capacity];
  }

  /** A VM's state, role, protection or reason has changed. */
  public void changed(VmStatus status) {
    publish(Event.newBuilder().setVm(status.getName()).setChanged(status));
  }

  /** An operator should read this. */
  public void note(String vm, String sentence) {
    publish(Event.newBuilder().setVm(vm).setNote(sentence));
  }

  /** A VM is forgotten. */
  public void deleted(String vm) {
    publish(Event.newBuilder().setVm(vm).setDeleted(true));
  }

  private synchronized void publish(Event.Builder event) {
    ring[slot(next)] = event.setSequence(next).setTime(now()).build();
    next++;
    notifyAll();
  }

  /** Number of the newest event; 0 before the first. */
  public synchronized long newest() {
    return next - 1;
  }

  /**
   * Waits for the event behind a number. If that is not kept any more, the answer is how many were missed, with the number of the last of them.
   *
   * @return null if there will be none
   */
  public synchronized @Nullable Event await(long after) throws InterruptedException {
    while (after >= next - 1) {
      if (closed) {
        return null;
      }
      wait();
    }
    long oldest = Math.max(1, next - ring.length);
    if (after + 1 >= oldest) {
      return ring[slot(after + 1)];
    }
    return Event.newBuilder()
        .setSequence(oldest - 1)
        .setTime(now())
        .setMissed(oldest - 1 - after)
        .build();
  }

  /** Nothing more happens: who has read the last event is told so. */
  public synchronized void close() {
    closed = true;
    notifyAll();
  }

  private int slot(long sequence) {
    return (int) (sequence % ring.length);
  }

  static Timestamp now() {
    Instant now = Instant.now();
    return Timestamp.newBuilder().setSeconds(now.getEpochSecond()).setNanos(now.getNano()).build();
  }
}
