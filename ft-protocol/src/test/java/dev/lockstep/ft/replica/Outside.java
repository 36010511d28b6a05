package dev.lockstep.ft.replica;

import dev.lockstep.vmm.net.Frames;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Consumers by offset of one pair's console: what either replica lets out must be the stream of one machine. */
final class Outside {
  private static final int CONSOLE = 0;

  private final ByteArrayOutputStream seen = new ByteArrayOutputStream();
  private final List<byte[]> frames = new ArrayList<>();
  private String violation = "";

  /** One replica's side of it. */
  OutputSink of(String replica) {
    return (stream, offset, bytes) -> {
      if (stream == CONSOLE) {
        accept(replica, offset, bytes);
      } else {
        frames(bytes);
      }
    };
  }

  private synchronized void frames(byte[] packed) {
    frames.addAll(Frames.unpack(packed));
    notifyAll();
  }

  /** The frames that have left, in order. */
  synchronized List<byte[]> frames() {
    return List.copyOf(frames);
  }

  private synchronized void accept(String replica, long offset, byte[] bytes) {
    int have = seen.size();
    if (offset > have) {
      violation = "%s leaves a gap: offset %d after %d".formatted(replica, offset, have);
      return;
    }
    int again = (int) Math.min(have - offset, bytes.length);
    byte[] before = Arrays.copyOfRange(seen.toByteArray(), (int) offset, (int) offset + again);
    if (!Arrays.equals(before, Arrays.copyOf(bytes, again))) {
      violation = "%s contradicts what left, at offset %d".formatted(replica, offset);
      return;
    }
    seen.write(bytes, again, bytes.length - again);
    notifyAll();
  }

  synchronized int size() {
    return seen.size();
  }

  synchronized String violation() {
    return violation;
  }

  /** Waits until so many bytes have left. */
  synchronized void await(int bytes, long seconds) throws InterruptedException {
    long deadline = System.nanoTime() + seconds * 1_000_000_000;
    while (seen.size() < bytes && violation.isEmpty()) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw new AssertionError(
            "%d bytes after %d s, not %d".formatted(seen.size(), seconds, bytes));
      }
      wait(left / 1_000_000 + 1);
    }
  }
}
