package dev.lockstep.vmm.trace;

import java.util.Arrays;

/** Bytes of one kind of a block, growing. Numbers are LEB128. */
final class ColumnWriter {
  private byte[] bytes = new byte[1 << 12];
  private int size;

  int size() {
    return size;
  }

  byte[] bytes() {
    return bytes;
  }

  void clear() {
    size = 0;
  }

  void put(int value) {
    room(1);
    bytes[size++] = (byte) value;
  }

  void put(byte[] from) {
    room(from.length);
    System.arraycopy(from, 0, bytes, size, from.length);
    size += from.length;
  }

  /** An unsigned number. */
  void number(long value) {
    room(10);
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      bytes[size++] = (byte) (rest | 0x80);
      rest >>>= 7;
    }
    bytes[size++] = (byte) rest;
  }

  /** A signed number: small ones of both signs are short. */
  void signed(long value) {
    number(zigzag(value));
  }

  /** The low {@code count} bytes of a number, the lowest first. */
  void low(long value, int count) {
    room(8);
    for (int i = 0; i < count; i++) {
      bytes[size++] = (byte) (value >>> 8 * i);
    }
  }

  static long zigzag(long value) {
    return value << 1 ^ value >> 63;
  }

  static long unzigzag(long value) {
    return value >>> 1 ^ -(value & 1);
  }

  /** How many low bytes hold all of an unsigned number, 0 for 0. */
  static int length(long value) {
    return 8 - (Long.numberOfLeadingZeros(value) >>> 3);
  }

  private void room(int more) {
    if (size + more > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, size + more));
    }
  }
}
