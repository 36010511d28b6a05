package dev.lockstep.ft.replica;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;

/** Consumers by offset of one pair's console: what either replica lets out must be the stream of one machine. */
final class Outside {
  private final ByteArrayOutputStream seen = new ByteArrayOutputStream();
  private String violation = "";

  /** One replica's side of it. */
  OutputSink of(String replica) {
    return (stream, offset, bytes) -> accept(replica, offset, bytes);
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
