package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.net.flow.FlowComparison;
import dev.lockstep.vmm.net.flow.FlowTranslation;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a primary has put out and a backup that follows freely has to put out too, and what the backup has put out alone so far. Bytes of consoles are compared by stream, content and order; frames by flow. An output is handed to
 * the gate when all of it is matched, in the order of the log: as the primary has put it out.
 */
final class ExpectedOutputs {
  /** How long an output of the primary waits for the backup's: of the primary's virtual time that the backup has lived through. */
  static final long MATCH_WAIT_NANOS = 500_000_000;

  /** The same of the host's time, if no virtual time goes by. */
  static final long HOST_WAIT_NANOS = 4_000_000_000L;

  /** How long an output of the backup waits for the primary's. The primary's may be held up by the backup's own lag. */
  static final long ALONE_NANOS = 1_000_000_000;

  /** More than this of a console that the primary has not put out is not looked at any longer. */
  private static final int MAX_ALONE_BYTES = 1 << 20;

  /**
   * What differs.
   *
   * @param expected the primary's output; null if it has none
   */
  record Difference(
      LogEntry.@Nullable OutputEntry expected, String field, String recorded, String found) {}

  private record Expected(
      long sequence, LogEntry.OutputEntry entry, byte[] bytes, long atNanos, long hostNanos) {}

  private final OutputCollector mine;
  private final int frameStream;
  private final FreeLogSource source;
  private final OutputGate gate;
  private final FlowComparison flows;
  private final ArrayDeque<Expected> expected = new ArrayDeque<>();

  /** Since when bytes wait on a stream that the primary has not put out; -1 while none do. */
  private final long[] aloneSince;

  /**
   * @param translation of what the guest sends; it learns of connections that the two guests have begun otherwise
   */
  ExpectedOutputs(
      OutputCollector mine,
      int frameStream,
      FlowTranslation translation,
      FreeLogSource source,
      OutputGate gate) {
    this.mine = mine;
    this.frameStream = frameStream;
    flows = new FlowComparison(translation);
    this.source = source;
    this.gate = gate;
    aloneSince = new long[mine.streams()];
    Arrays.fill(aloneSince, -1);
  }

  /** Whether everything that the primary has put out is matched. */
  boolean isEmpty() {
    return expected.isEmpty();
  }

  /** The primary has put this out. */
  void expect(long sequence, PlacedEntry placed) {
    LogEntry.OutputEntry entry = (LogEntry.OutputEntry) placed.entry();
    byte[] bytes = placed.output();
    if (bytes == null) {
      throw new IllegalStateException("an output without its bytes: " + entry);
    }
    if (entry.stream() == frameStream && Frames.count(bytes) > 0) {
      for (byte[] frame : Frames.unpack(bytes)) {
        flows.expect(frame);
      }
    }
    expected.add(new Expected(sequence, entry, bytes, placed.virtualNanos(), System.nanoTime()));
  }

  /** Takes what this machine's guest has put out since the last call, and hands on what is matched by it. */
  void collect(Moment at, long nowNanos) {
    if (frameStream >= 0 && mine.waiting(frameStream) > 0) {
      for (byte[] frame : Frames.unpack(mine.takeFrames())) {
        flows.produce(frame, nowNanos);
      }
    }
    Expected first = expected.peek();
    while (first != null && isMatched(first) && source.matched()) {
      expected.remove();
      if (first.entry.stream() == frameStream) {
        flows.forget(Frames.count(first.bytes));
      } else {
        mine.take(first.entry);
        aloneSince[first.entry.stream()] = -1;
      }
      gate.offer(new Output(first.sequence, first.entry, first.bytes));
      first = expected.peek();
    }
    for (int stream = 0; stream < aloneSince.length; stream++) {
      if (mine.waiting(stream) == 0) {
        aloneSince[stream] = -1;
      } else if (aloneSince[stream] < 0) {
        aloneSince[stream] = nowNanos;
      }
    }
  }

  private boolean isMatched(Expected output) {
    return output.entry.stream() == frameStream
        ? flows.areMatched(Frames.count(output.bytes))
        : mine.difference(output.entry) == null;
  }

  /** What differs for good, or for too long; null if nothing does. */
  @Nullable Difference difference(long nowNanos) {
    String contradiction = flows.contradiction();
    if (contradiction != null) {
      return new Difference(firstOfFrames(), "frames", "the primary's", contradiction);
    }
    Expected first = expected.peek();
    if (first != null) {
      Difference now = difference(first, nowNanos);
      if (now != null) {
        return now;
      }
    }
    return alone(nowNanos);
  }

  private @Nullable Difference difference(Expected first, long nowNanos) {
    boolean frames = first.entry.stream() == frameStream;
    String[] words = frames ? null : mine.difference(first.entry);
    boolean enough =
        frames
            || first.entry.stream() >= mine.streams()
            || mine.waiting(first.entry.stream()) >= first.entry.length();
    if (words != null && enough) {
      return new Difference(first.entry, words[0], words[1], words[2]);
    }
    boolean late =
        nowNanos - first.atNanos > MATCH_WAIT_NANOS
            || System.nanoTime() - first.hostNanos > HOST_WAIT_NANOS;
    if (!late) {
      return null;
    }
    String found = words == null ? flows.missing(Frames.count(first.bytes)) : words[2];
    return new Difference(
        first.entry,
        "output of stream %d from offset %d".formatted(first.entry.stream(), first.entry.offset()),
        first.entry.length() + " bytes",
        found + ", after a while");
  }

  private @Nullable Difference alone(long nowNanos) {
    for (int stream = 0; stream < aloneSince.length; stream++) {
      boolean late = aloneSince[stream] >= 0 && nowNanos - aloneSince[stream] > ALONE_NANOS;
      if (late || mine.waiting(stream) > MAX_ALONE_BYTES) {
        return new Difference(
            null,
            "output of stream %d".formatted(stream),
            "nothing more",
            mine.waiting(stream) + " bytes, for a while");
      }
    }
    String frames = flows.alone(nowNanos, ALONE_NANOS);
    return frames == null ? null : new Difference(null, "frames", "nothing of the kind", frames);
  }

  private LogEntry.@Nullable OutputEntry firstOfFrames() {
    for (Expected next : expected) {
      if (next.entry.stream() == frameStream) {
        return next.entry;
      }
    }
    return null;
  }

  /** Nothing is compared any more: what the primary has not put out too is this machine's own to put out, if it goes on. */
  void handBack() {
    List<byte[]> rest = flows.takeUnexpected();
    for (byte[] frame : rest) {
      mine.putFrame(frameStream, frame);
    }
  }
}
