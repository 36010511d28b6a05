package dev.lockstep.ft.console;

import java.util.Arrays;

/**
 * The last bytes of a console stream that have left the machine, by offset. Bytes may come again, with the same offsets and the same content. Bounded: the oldest go. Safe for use by several threads.
 */
public final class ConsoleHistory {
  private final byte[] ring;

  /** Offset behind the newest byte. */
  private long end;

  /** Offset of the first byte ever taken: a replica that joined late has nothing before. */
  private long first = -1;

  private boolean closed;

  /**
   * @param capacityBytes how many bytes are kept
   */
  public ConsoleHistory(int capacityBytes) {
    this.ring = new byte[capacityBytes];
  }

  /**
   * Takes bytes of the stream.
   *
   * @throws IllegalStateException if they leave a gap, or contradict what came before: an output that left was changed
   */
  public synchronized void accept(long offset, byte[] bytes) {
    if (first < 0) {
      first = offset;
      end = offset;
    }
    if (offset > end) {
      throw new IllegalStateException(
          "console bytes at offset %d leave a gap behind %d".formatted(offset, end));
    }
    for (int i = 0; i < bytes.length; i++) {
      long at = offset + i;
      int slot = (int) (at % ring.length);
      if (at >= end) {
        ring[slot] = bytes[i];
        end = at + 1;
      } else if (at >= oldest() && ring[slot] != bytes[i]) {
        throw new IllegalStateException(
            "console byte %d left as %02x and comes again as %02x"
                .formatted(at, ring[slot], bytes[i]));
      }
    }
    notifyAll();
  }

  /** Begins anew, at whatever offset comes next. */
  public synchronized void forget() {
    first = -1;
    end = 0;
  }

  /** No more bytes will come. */
  public synchronized void close() {
    closed = true;
    notifyAll();
  }

  /** Offset of the oldest byte that is kept. */
  public synchronized long oldest() {
    return Math.max(Math.max(first, 0), end - ring.length);
  }

  /** Offset behind the newest byte. */
  public synchronized long end() {
    return end;
  }

  /**
   * Waits for bytes from an offset on.
   *
   * @return at least one byte; empty at the end of the stream
   * @throws IllegalArgumentException if the byte there is not kept any more
   */
  public synchronized byte[] await(long offset, int maxBytes) throws InterruptedException {
    while (end <= offset && !closed) {
      wait();
    }
    if (end <= offset) {
      return new byte[0];
    }
    if (offset < oldest()) {
      throw new IllegalArgumentException(
          "console byte %d is gone; the oldest is %d".formatted(offset, oldest()));
    }
    int length = (int) Math.min(maxBytes, end - offset);
    int from = (int) (offset % ring.length);
    int straight = Math.min(length, ring.length - from);
    byte[] bytes = Arrays.copyOfRange(ring, from, from + length);
    if (straight < length) {
      System.arraycopy(ring, 0, bytes, straight, length - straight);
    }
    return bytes;
  }
}
