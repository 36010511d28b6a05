package dev.lockstep.vmm.device;

/** A bounded queue of small numbers (a byte, with flags above it). */
final class ByteRing {
  private final char[] entries;
  private int head;
  private int size;

  ByteRing(int capacity) {
    entries = new char[capacity];
  }

  int size() {
    return size;
  }

  int room() {
    return entries.length - size;
  }

  boolean isEmpty() {
    return size == 0;
  }

  void clear() {
    head = 0;
    size = 0;
  }

  /** Appends; there must be room. */
  void add(int value) {
    if (size == entries.length) {
      throw new IllegalStateException("queue of %d entries is full".formatted(size));
    }
    entries[(head + size) % entries.length] = (char) value;
    size++;
  }

  /** The first entry; there must be one. */
  int peek() {
    if (size == 0) {
      throw new IllegalStateException("queue is empty");
    }
    return entries[head];
  }

  /** Takes the first entry; there must be one. */
  int remove() {
    int value = peek();
    head = (head + 1) % entries.length;
    size--;
    return value;
  }

  /** Replaces the first entry; there must be one. */
  void replaceHead(int value) {
    peek();
    entries[head] = (char) value;
  }

  /** Whether any entry has one of these bits. */
  boolean any(int bits) {
    for (int i = 0; i < size; i++) {
      if ((entries[(head + i) % entries.length] & bits) != 0) {
        return true;
      }
    }
    return false;
  }

  /** The entries in order. */
  long[] toLongs() {
    long[] values = new long[size];
    for (int i = 0; i < size; i++) {
      values[i] = entries[(head + i) % entries.length];
    }
    return values;
  }

  /** Takes the entries from a saved state. */
  void restore(StateReader in, String name) {
    long[] values = in.numbers(name);
    if (values.length > entries.length) {
      throw in.unfit(
          name, "has %d entries, at most %d fit".formatted(values.length, entries.length));
    }
    clear();
    for (long value : values) {
      add((int) value & 0xffff);
    }
  }
}
