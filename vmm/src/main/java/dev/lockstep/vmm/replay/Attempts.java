package dev.lockstep.vmm.replay;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.machine.OutputConsumer;
import dev.lockstep.vmm.machine.OvershotException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongFunction;

/**
 * Replays again what an overflow of the hardware counter came too late for: from a checkpoint before that, on a machine of the same {@link dev.lockstep.vmm.machine.MachineFactory}, which has learnt from it. What has been put
 * out is not put out again.
 */
public final class Attempts {
  /** So often a replay is begun. Each time the overflow is armed twice as far ahead, at least. */
  public static final int MAX = 8;

  private final Consumer<String> note;

  /**
   * @param note told of each beginning but the first, one line
   */
  public Attempts(Consumer<String> note) {
    this.note = note;
  }

  /**
   * Tries until an attempt comes to its end, whatever that is.
   *
   * @param attempt replays on a new machine; given the number of the entry before which it must begin: {@link Long#MAX_VALUE} at first
   * @throws VmmException if it was overshot too often, or as the attempt throws
   */
  public <T> T run(LongFunction<T> attempt) {
    long before = Long.MAX_VALUE;
    for (int tried = 1; ; tried++) {
      try {
        return attempt.apply(before);
      } catch (OvershotException e) {
        if (tried == MAX) {
          throw new VmmException(
              "the replay was begun %d times, and each time an overflow of the hardware counter came too late, however far ahead it was armed; %s"
                  .formatted(MAX, e.getMessage()),
              "Replay it with --engine soft, which needs no counter, and look at what lockstep doctor --calibrate says of the skid.",
              e);
        }
        note.accept("%s; it begins again (%s)".formatted(e.getMessage(), e.advice()));
        before = e.sequence();
      }
    }
  }

  /**
   * Lets each byte of each stream through once. For the outputs of all attempts.
   *
   * @param to what is behind it
   */
  public static OutputConsumer once(OutputConsumer to) {
    Map<Integer, Long> ends = new HashMap<>();
    return (stream, offset, bytes) -> {
      long end = ends.getOrDefault(stream, offset);
      long skipped = Math.max(end - offset, 0);
      if (skipped < bytes.length) {
        byte[] fresh = Arrays.copyOfRange(bytes, (int) skipped, bytes.length);
        to.accept(stream, offset + skipped, fresh);
        ends.put(stream, offset + bytes.length);
      }
    };
  }
}
