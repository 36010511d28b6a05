package dev.lockstep.ft.core;

import java.util.ArrayDeque;

/** The numbers of a primary's outputs: produced, released, really left, and those in between with the record each waits for. */
final class OutputLedger {
  private record Held(long number, long commitSequence) {}

  private final ArrayDeque<Held> held = new ArrayDeque<>();
  private long produced;
  private long released;
  private long left;

  OutputLedger(long produced, long released) {
    this.produced = produced;
    this.released = released;
    left = released;
  }

  /** One more output, which may leave when {@code commitSequence} is acknowledged. */
  void produce(long commitSequence) {
    produced++;
    held.add(new Held(produced, commitSequence));
  }

  /** Releases what {@code acknowledged} commits; true if that is anything. */
  boolean releaseThrough(long acknowledged) {
    long before = released;
    Held next = held.peek();
    while (next != null && next.commitSequence() <= acknowledged) {
      released = next.number();
      held.remove();
      next = held.peek();
    }
    return released > before;
  }

  /** Releases everything; true if that is anything. */
  boolean releaseAll() {
    boolean any = produced > released;
    held.clear();
    released = produced;
    return any;
  }

  void leftThrough(long output) {
    if (output > released) {
      throw new IllegalStateException(
          "output " + output + " left, but only " + released + " were released");
    }
    left = Math.max(left, output);
  }

  long produced() {
    return produced;
  }

  long released() {
    return released;
  }

  long left() {
    return left;
  }

  /** The record that the next output waits for; {@link Long#MAX_VALUE} if none waits. */
  long nextCommit() {
    Held next = held.peek();
    return next == null ? Long.MAX_VALUE : next.commitSequence();
  }

  /** Outputs that have not left. */
  long pending() {
    return produced - left;
  }
}
