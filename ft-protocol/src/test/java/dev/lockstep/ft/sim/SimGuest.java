package dev.lockstep.ft.sim;

import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A small deterministic machine. Every output depends on the whole history: each input with the exact point and virtual time at which it took effect, and
 * each clock step. So a replica that applied anything at another point, or not at all, says something else in its next output.
 *
 * <p>It halts now and then, as a guest with nothing to do does: its count stands still while virtual time goes on, until a timer or an input wakes it.
 */
final class SimGuest {
  /** One output: its number, where its bytes stand in the stream, and the hash of the whole stream through them. */
  record Output(long number, long offset, byte[] bytes, long streamHash) {}

  static final int STATE_LONGS = 9;
  private static final long NANOS_PER_STEP = 700;

  private long count;
  private long virtualNanos;
  private long hash = 0x9e3779b97f4a7c15L;
  private boolean halted;
  private long wakeNanos;
  private long outputs;
  private long streamOffset;
  private long streamHash;
  private long leaked;
  private final long endCount;

  /**
   * @param endCount the guest ends itself there
   */
  SimGuest(long endCount) {
    this.endCount = endCount;
  }

  private SimGuest(ByteBuffer state) {
    count = state.getLong();
    virtualNanos = state.getLong();
    hash = state.getLong();
    halted = state.getLong() != 0;
    wakeNanos = state.getLong();
    outputs = state.getLong();
    streamOffset = state.getLong();
    streamHash = state.getLong();
    endCount = state.getLong();
  }

  /** The whole state as bytes. */
  byte[] save() {
    ByteBuffer state = ByteBuffer.allocate(STATE_LONGS * Long.BYTES);
    state.putLong(count).putLong(virtualNanos).putLong(hash).putLong(halted ? 1 : 0);
    state.putLong(wakeNanos).putLong(outputs).putLong(streamOffset).putLong(streamHash);
    return state.putLong(endCount).array();
  }

  static SimGuest restore(byte[] state) {
    return new SimGuest(ByteBuffer.wrap(state));
  }

  /** A state with the outputs that its primary holds. */
  static byte[] withOutputs(byte[] state, List<Output> held) {
    int size = state.length;
    for (Output output : held) {
      size += 3 * Long.BYTES + 1 + output.bytes().length;
    }
    ByteBuffer all = ByteBuffer.allocate(size).put(state);
    for (Output output : held) {
      all.putLong(output.number()).putLong(output.offset()).putLong(output.streamHash());
      all.put((byte) output.bytes().length).put(output.bytes());
    }
    return all.array();
  }

  /** The outputs behind a state. */
  static List<Output> outputsOf(byte[] all) {
    ByteBuffer from = ByteBuffer.wrap(all).position(STATE_LONGS * Long.BYTES);
    List<Output> held = new ArrayList<>();
    while (from.hasRemaining()) {
      long number = from.getLong();
      long offset = from.getLong();
      long streamHash = from.getLong();
      byte[] bytes = new byte[from.get()];
      from.get(bytes);
      held.add(new Output(number, offset, bytes, streamHash));
    }
    return held;
  }

  /** Half of it another state's: what a checkpoint leaves behind that was applied to here. */
  byte[] halfReplacedBy(byte[] state) {
    byte[] mixed = save();
    int half = 5 * Long.BYTES;
    System.arraycopy(state, half, mixed, half, STATE_LONGS * Long.BYTES - half);
    return mixed;
  }

  Position position() {
    return new Position(count, halted ? virtualNanos : -1);
  }

  boolean ended() {
    return count >= endCount;
  }

  long outputs() {
    return outputs;
  }

  /** One step of a live guest: an instruction, or, while halted, as much time as one takes. Returns what it put out. */
  @Nullable Output step() {
    if (halted) {
      virtualNanos = Math.min(wakeNanos, virtualNanos + NANOS_PER_STEP);
      if (virtualNanos == wakeNanos) {
        wake();
      }
      return null;
    }
    return execute();
  }

  /** One step of a replica that may go to {@code limit}, which lies ahead. */
  @Nullable Output stepToward(Position limit) {
    if (!halted) {
      return execute();
    }
    if (limit.branchCount() > count) {
      virtualNanos = wakeNanos;
      wake();
    } else {
      virtualNanos = limit.haltedNanos();
    }
    return null;
  }

  private void wake() {
    halted = false;
    count++;
    hash = mix(hash ^ virtualNanos);
  }

  private @Nullable Output execute() {
    count++;
    virtualNanos += NANOS_PER_STEP;
    hash = mix(hash + count + leaked);
    leaked = 0;
    if ((hash & 0x1f) == 0) {
      return putOut();
    }
    if ((hash & 0x7f) == 1) {
      halted = true;
      wakeNanos = virtualNanos + ((hash >>> 8) & 0xffff);
    }
    return null;
  }

  private Output putOut() {
    long content = mix(hash ^ mix(count) ^ mix(virtualNanos + 1));
    byte[] bytes = new byte[1 + (int) ((content >>> 56) & 7)];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (content >>> (8 * i));
    }
    long offset = streamOffset;
    for (byte next : bytes) {
      streamHash = extend(streamHash, next);
    }
    streamOffset += bytes.length;
    outputs++;
    return new Output(outputs, offset, bytes, streamHash);
  }

  /** A bit changes that nobody wrote. */
  void flip(int bit) {
    hash ^= 1L << bit;
  }

  /** The clock goes wrong by so much, and no entry says so. A clock never goes back. */
  void skew(long nanos) {
    virtualNanos += nanos;
  }

  /** The next instruction gives a value of its host's: no other machine has it, and no checkpoint. */
  void leak(long value) {
    leaked = value;
  }

  /** Something from outside takes effect now. */
  void input(long value) {
    hash = mix(hash ^ mix(value) ^ mix(count * 31) ^ mix(virtualNanos * 17));
    if (halted) {
      wake();
    }
  }

  /** The clock is moved now. */
  void stepClock(long nanos) {
    virtualNanos += nanos;
    if (halted && virtualNanos >= wakeNanos) {
      virtualNanos = wakeNanos;
      wake();
    }
  }

  /** The stream's running hash with one more byte. */
  static long extend(long streamHash, byte next) {
    return (streamHash ^ (next & 0xff)) * 0x100000001b3L + 1;
  }

  static long mix(long value) {
    long z = value + 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  /** What a record of this guest says: an input's value, a clock step, or an output's number and hash. */
  enum Kind {
    VALUE,
    CLOCK,
    OUTPUT,
    END
  }

  static Payload payload(Kind kind, long first, long second) {
    return Payload.of(
        ByteBuffer.allocate(17).put((byte) kind.ordinal()).putLong(first).putLong(second).array());
  }

  static Kind kind(Payload payload) {
    return Kind.values()[payload.bytes()[0]];
  }

  static long first(Payload payload) {
    return ByteBuffer.wrap(payload.bytes()).getLong(1);
  }

  static long second(Payload payload) {
    return ByteBuffer.wrap(payload.bytes()).getLong(9);
  }
}
