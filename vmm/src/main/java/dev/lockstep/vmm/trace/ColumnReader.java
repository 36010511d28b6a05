package dev.lockstep.vmm.trace;

import java.util.Arrays;

/** Reads what a {@link ColumnWriter} wrote. Everything throws {@link TraceFormatException} past the column's end. */
final class ColumnReader {
  private final byte[] bytes;
  private int at;

  ColumnReader(byte[] bytes) {
    this.bytes = bytes;
  }

  boolean hasMore() {
    return at < bytes.length;
  }

  int get() throws TraceFormatException {
    if (at >= bytes.length) {
      throw new TraceFormatException("a column ends too early");
    }
    return bytes[at++] & 0xff;
  }

  byte[] get(int count) throws TraceFormatException {
    if (count < 0 || count > bytes.length - at) {
      throw new TraceFormatException("a column ends too early");
    }
    at += count;
    return Arrays.copyOfRange(bytes, at - count, at);
  }

  long number() throws TraceFormatException {
    long value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      int next = get();
      value |= (next & 0x7fL) << shift;
      if (next < 0x80) {
        return value;
      }
    }
    throw new TraceFormatException("a number of more than ten bytes");
  }

  /** A number that must be in {@code 0..max}. */
  int number(int max) throws TraceFormatException {
    long value = number();
    if (value < 0 || value > max) {
      throw new TraceFormatException("%d where at most %d can be".formatted(value, max));
    }
    return (int) value;
  }

  long signed() throws TraceFormatException {
    return ColumnWriter.unzigzag(number());
  }

  long low(int count) throws TraceFormatException {
    long value = 0;
    for (int i = 0; i < count; i++) {
      value |= (long) get() << 8 * i;
    }
    return value;
  }
}
