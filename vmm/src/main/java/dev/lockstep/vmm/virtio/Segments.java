package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.StateReader;
import java.util.Arrays;

/**
 * Stretches of guest memory that descriptors named, in order, each checked to be memory and of at
 * least one byte. A queue reads every buffer into the same two of these; who needs one for longer
 * takes a {@link #copy}.
 */
final class Segments {
  private static final int USUAL = 8;

  private long[] addresses;
  private int[] lengths;
  private int count;
  private long bytes;

  Segments() {
    this(USUAL);
  }

  private Segments(int capacity) {
    addresses = new long[capacity];
    lengths = new int[capacity];
  }

  void clear() {
    count = 0;
    bytes = 0;
  }

  /**
   * Adds a stretch.
   *
   * @param address guest-physical
   * @param length bytes, at least 1
   */
  void add(long address, int length) {
    if (count == addresses.length) {
      int capacity = Math.max(USUAL, 2 * count);
      addresses = Arrays.copyOf(addresses, capacity);
      lengths = Arrays.copyOf(lengths, capacity);
    }
    addresses[count] = address;
    lengths[count] = length;
    count++;
    bytes += length;
  }

  int size() {
    return count;
  }

  boolean isEmpty() {
    return count == 0;
  }

  /** Guest-physical address of a stretch. */
  long address(int index) {
    return addresses[index];
  }

  /** Bytes of a stretch. */
  int length(int index) {
    return lengths[index];
  }

  /** Bytes of all. */
  long bytes() {
    return bytes;
  }

  /** The same stretches, which stay. */
  Segments copy() {
    Segments copy = new Segments(count);
    copy.addFirst(this, bytes);
    return copy;
  }

  /** Adds the first bytes of others; there must be so many. */
  void addFirst(Segments others, long wanted) {
    long left = wanted;
    for (int i = 0; left > 0; i++) {
      int part = (int) Math.min(others.lengths[i], left);
      add(others.addresses[i], part);
      left -= part;
    }
  }

  /** As numbers of a device's state: addresses and lengths by turns. */
  long[] toNumbers() {
    long[] numbers = new long[2 * count];
    for (int i = 0; i < count; i++) {
      numbers[2 * i] = addresses[i];
      numbers[2 * i + 1] = lengths[i];
    }
    return numbers;
  }

  /** The reverse, checked against this machine's memory. */
  static Segments restore(StateReader in, String name, GuestMemory memory) {
    long[] numbers = in.numbers(name);
    if (numbers.length % 2 != 0) {
      throw in.unfit(name, "is not made of pairs");
    }
    Segments segments = new Segments(numbers.length / 2);
    for (int i = 0; i < numbers.length; i += 2) {
      long length = numbers[i + 1];
      if (length < 1 || length > Integer.MAX_VALUE || !memory.contains(numbers[i], length)) {
        throw in.unfit(name, "is not memory at %#x+%#x".formatted(numbers[i], length));
      }
      segments.add(numbers[i], (int) length);
    }
    return segments;
  }
}
