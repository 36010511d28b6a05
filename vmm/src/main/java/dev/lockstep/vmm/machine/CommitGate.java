package dev.lockstep.vmm.machine;

import dev.lockstep.engine.VmmException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/**
 * The gate of a protected machine: keeps each output until its own entry is committed, and on a replica until the primary
 * has released it. Nothing leaves in any other way. Any thread.
 *
 * <p>Three states: <em>following</em> (a replica: keeps what the primary has not released), <em>protected</em> (live: an
 * output leaves when {@link #committed} has come to its entry), <em>alone</em> (live: leaves at once).
 */
public final class CommitGate implements OutputGate {
  private enum Phase {
    FOLLOWING,
    PROTECTED,
    ALONE
  }

  private final OutputConsumer consumer;
  private final long maxKeptBytes;
  private final long fullTimeoutNanos;
  private final Deque<Output> kept = new ArrayDeque<>();
  private final Map<Integer, Long> released = new HashMap<>();
  private Phase phase;
  private long committed = -1;
  private long keptBytes;

  private CommitGate(
      OutputConsumer consumer, Phase phase, long maxKeptBytes, long fullTimeoutNanos) {
    this.consumer = consumer;
    this.phase = phase;
    this.maxKeptBytes = maxKeptBytes;
    this.fullTimeoutNanos = fullTimeoutNanos;
  }

  /**
   * The gate of a replica.
   *
   * @param consumer the outside, used from go-live on; called with the gate held, must not block for long
   * @param maxKeptBytes how much may wait
   * @param fullTimeoutNanos how long {@link #offer} waits for room
   */
  public static CommitGate following(
      OutputConsumer consumer, long maxKeptBytes, long fullTimeoutNanos) {
    return new CommitGate(consumer, Phase.FOLLOWING, maxKeptBytes, fullTimeoutNanos);
  }

  /** The gate of a primary that has a backup from the start; parameters as in {@link #following}. */
  public static CommitGate guarded(
      OutputConsumer consumer, long maxKeptBytes, long fullTimeoutNanos) {
    return new CommitGate(consumer, Phase.PROTECTED, maxKeptBytes, fullTimeoutNanos);
  }

  @Override
  public synchronized void offer(Output output) {
    awaitRoom(output.bytes().length);
    if (phase == Phase.ALONE) {
      release(output);
      return;
    }
    kept.add(output);
    keptBytes += output.bytes().length;
    if (phase == Phase.PROTECTED) {
      releaseCommitted();
    } else {
      dropReleased();
    }
  }

  /** The backup has acknowledged every entry up to and including this number: their outputs leave. */
  public synchronized void committed(long sequence) {
    if (phase == Phase.PROTECTED) {
      committed = Math.max(committed, sequence);
      releaseCommitted();
    }
  }

  /** On a replica: the primary says that a stream's bytes before this offset have left. */
  public synchronized void released(int stream, long offset) {
    released.merge(stream, offset, Math::max);
    if (phase == Phase.FOLLOWING) {
      dropReleased();
    }
  }

  /** How far a stream has left, as far as this side knows. */
  public synchronized long releasedOffset(int stream) {
    return released.getOrDefault(stream, 0L);
  }

  /** The replica goes live, alone: everything that is not known to have left is sent. */
  @Override
  public synchronized void goLive() {
    if (phase == Phase.FOLLOWING) {
      alone();
    }
  }

  /** There is no backup any more: what waits leaves, and what follows leaves at once. */
  public synchronized void alone() {
    phase = Phase.ALONE;
    while (!kept.isEmpty()) {
      release(takeKept());
    }
    notifyAll();
  }

  /**
   * A backup has joined: from the entry with this number on, outputs wait for it.
   *
   * @param firstSequence of the first entry that the backup gets
   */
  public synchronized void guard(long firstSequence) {
    phase = Phase.PROTECTED;
    committed = firstSequence - 1;
  }

  /** Bytes that wait. */
  public synchronized long keptBytes() {
    return keptBytes;
  }

  private void releaseCommitted() {
    Output first = kept.peek();
    while (first != null && first.sequence() <= committed) {
      release(takeKept());
      first = kept.peek();
    }
    notifyAll();
  }

  private void dropReleased() {
    Output first = kept.peek();
    while (first != null && first.entry().end() <= releasedOffset(first.entry().stream())) {
      takeKept();
      first = kept.peek();
    }
    notifyAll();
  }

  private Output takeKept() {
    Output output = kept.remove();
    keptBytes -= output.bytes().length;
    return output;
  }

  private void release(Output output) {
    if (phase == Phase.FOLLOWING || (phase == Phase.PROTECTED && output.sequence() > committed)) {
      throw new IllegalStateException(
          "output with entry %d leaves in phase %s, committed is %d"
              .formatted(output.sequence(), phase, committed));
    }
    consumer.accept(output.entry().stream(), output.entry().offset(), output.bytes());
    released.merge(output.entry().stream(), output.entry().end(), Math::max);
  }

  private void awaitRoom(int more) {
    long deadline = System.nanoTime() + fullTimeoutNanos;
    while (phase != Phase.ALONE && keptBytes > 0 && keptBytes + more > maxKeptBytes) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw new VmmException(
            "%d bytes of output wait for their acknowledgement".formatted(keptBytes),
            "Check the connection to the other replica.");
      }
      try {
        wait(left / 1_000_000 + 1);
      } catch (InterruptedException e) {
        throw new IllegalStateException("the vCPU's thread was interrupted", e);
      }
    }
  }
}
