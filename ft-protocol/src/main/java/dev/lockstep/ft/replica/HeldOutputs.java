package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.LogEntry.OutputEntry;
import dev.lockstep.vmm.log.LogHash;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.machine.Output;
import dev.lockstep.vmm.machine.OutputGate;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The gate of a replica. It never lets an output go of itself, protected or not: the protocol core says through which number they may leave, and an output
 * that was produced between two of the core's steps waits for the next. So what the core believes to be held is held.
 *
 * <p>On a backup it keeps what its own machine has produced until the primary's has really left. Outputs are numbered from 1 in the VM's incarnation.
 */
final class HeldOutputs implements OutputGate {
  private record Held(long number, Output output, long sinceNanos) {}

  /** No moment of {@link System#nanoTime}. */
  static final long FOR_EVER = Long.MAX_VALUE;

  private static final long MAX_HELD_BYTES = 64L << 20;

  /** How much of what the machine has put out goes with a checkpoint, for consumers that have not read it before a failover. */
  private static final long MAX_TAIL_BYTES = 2L << 20;

  /** What a piece takes besides its bytes: a guest may say a million single ones. */
  private static final int PIECE_BYTES = 128;

  private final OutputSink outside;
  private final LongConsumer left;
  private final CommitLatency latency;
  private final ArrayDeque<Held> held = new ArrayDeque<>();
  private final ArrayDeque<StreamPiece> tail = new ArrayDeque<>();
  private long tailBytes;
  private long produced;
  private long released;
  private long forgotten;
  private long heldBytes;
  private boolean closed;

  /** By {@link System#nanoTime}. */
  private long leavesUntilNanos = FOR_EVER;

  /**
   * @param produced outputs that the machine has produced before
   * @param before the last of them
   * @param outside where they go
   * @param left told through which number they have left; called with the gate held
   * @param latency gets how long each of those that leave here was held
   */
  HeldOutputs(
      long produced,
      List<StreamPiece> before,
      OutputSink outside,
      LongConsumer left,
      CommitLatency latency) {
    this.produced = produced;
    this.released = produced;
    this.forgotten = produced;
    this.outside = outside;
    this.left = left;
    this.latency = latency;
    for (StreamPiece piece : before) {
      remember(piece);
      outside.leftAtPrimary(piece.stream(), piece.offset(), piece.bytes());
    }
  }

  @Override
  public synchronized void offer(Output output) {
    while (heldBytes > 0 && heldBytes + output.bytes().length > MAX_HELD_BYTES && !closed) {
      awaitRoom();
    }
    if (closed) {
      throw new VmmException(
          "the replica is closed while its machine runs", "Nothing is to be done about it.");
    }
    produced++;
    held.add(new Held(produced, output, System.nanoTime()));
    heldBytes += output.bytes().length;
    remember(new StreamPiece(output.entry().stream(), output.entry().offset(), output.bytes()));
    settle();
  }

  private void remember(StreamPiece piece) {
    tail.add(piece);
    tailBytes += PIECE_BYTES + piece.bytes().length;
    while (tailBytes > MAX_TAIL_BYTES) {
      tailBytes -= PIECE_BYTES + tail.remove().bytes().length;
    }
  }

  /** The last of what the machine has put out, whether it has left or not, oldest first. */
  synchronized List<StreamPiece> tail() {
    return List.copyOf(tail);
  }

  /** What has not left, oldest first. */
  synchronized List<StreamPiece> held() {
    List<StreamPiece> pieces = new ArrayList<>();
    for (Held next : held) {
      OutputEntry entry = next.output().entry();
      pieces.add(new StreamPiece(entry.stream(), entry.offset(), next.output().bytes()));
    }
    return pieces;
  }

  /** An output that has not left, by its number; null if it has, or is not produced yet. */
  synchronized @Nullable Output held(long number) {
    for (Held next : held) {
      if (next.number() == number) {
        return next.output();
      }
    }
    return null;
  }

  /** Whether so much is held that the guest had better stand still. */
  synchronized boolean isFull() {
    return heldBytes > MAX_HELD_BYTES / 2;
  }

  /**
   * On a backup that a resynchronisation has made the primary's equal: what the primary held then, and this machine has not produced, is held here too.
   *
   * @param at where the machine stands now
   * @param producedThere how many outputs the primary's machine had produced
   */
  synchronized void adopt(Moment at, long producedThere, CheckpointFile.Outputs outputs) {
    List<StreamPiece> theirs = outputs.held();
    long number = producedThere - theirs.size();
    if (number > produced) {
      // Some have left that this machine never produced: consumers begin anew with what is known.
      outside.begin();
      for (StreamPiece piece : outputs.tail()) {
        if (!theirs.contains(piece)) {
          outside.leftAtPrimary(piece.stream(), piece.offset(), piece.bytes());
        }
      }
    }
    for (StreamPiece piece : theirs) {
      number++;
      if (number > produced) {
        byte[] bytes = piece.bytes();
        OutputEntry entry =
            new OutputEntry(at, piece.stream(), piece.offset(), bytes.length, LogHash.of(bytes));
        held.add(new Held(number, new Output(0, entry, bytes), System.nanoTime()));
        heldBytes += bytes.length;
        remember(piece);
      }
    }
    produced = producedThere;
    settle();
  }

  private void awaitRoom() {
    try {
      wait();
    } catch (InterruptedException e) {
      throw new IllegalStateException("the vCPU's thread is not interrupted", e);
    }
  }

  /**
   * The core's word: outputs through this number may leave. They may not all be here yet.
   *
   * @param untilNanos by {@link System#nanoTime}: from then on none leaves before the core's next word; {@link #FOR_EVER} if they may at any time
   */
  synchronized void release(long throughNumber, long untilNanos) {
    released = Math.max(released, throughNumber);
    leavesUntilNanos = untilNanos;
    settle();
  }

  /** On a backup: outputs through this number have left at the primary. */
  synchronized void forget(long throughNumber) {
    forgotten = Math.max(forgotten, throughNumber);
    settle();
  }

  /** Nothing leaves from here on. */
  synchronized void close() {
    closed = true;
    held.clear();
    notifyAll();
  }

  /** Looked at before each output: between the core's word and this the process may have stood still for long. */
  private boolean mayLeave(Held output) {
    return output.number() <= forgotten
        || output.number() <= released
            && (leavesUntilNanos == FOR_EVER || System.nanoTime() - leavesUntilNanos < 0);
  }

  private void settle() {
    long leftThrough = -1;
    Held first = held.peek();
    while (first != null && !closed && mayLeave(first)) {
      held.remove();
      heldBytes -= first.output().bytes().length;
      Output output = first.output();
      if (first.number() <= forgotten) {
        outside.leftAtPrimary(output.entry().stream(), output.entry().offset(), output.bytes());
      } else {
        outside.accept(output.entry().stream(), output.entry().offset(), output.bytes());
        latency.add(System.nanoTime() - first.sinceNanos());
        leftThrough = first.number();
      }
      first = held.peek();
    }
    if (leftThrough >= 0) {
      left.accept(leftThrough);
    }
    notifyAll();
  }
}
