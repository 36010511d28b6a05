package dev.lockstep.softcpu.fp;

import java.math.BigInteger;

/** Packed integer instructions one lane at a time, by their definition in the manual. */
final class LaneModel {
  /** One lane of both operands to one lane of the result; bits above the lane are cut. */
  interface Lane {
    long of(long a, long b);
  }

  private LaneModel() {}

  static long signed(int width, long a, long b, Lane lane) {
    long result = 0;
    for (int at = 0; at < 64; at += width) {
      long x = a << 64 - width - at >> 64 - width;
      long y = b << 64 - width - at >> 64 - width;
      result |= cut(lane.of(x, y), width) << at;
    }
    return result;
  }

  static long unsigned(int width, long a, long b, Lane lane) {
    long result = 0;
    for (int at = 0; at < 64; at += width) {
      result |= cut(lane.of(cut(a >>> at, width), cut(b >>> at, width)), width) << at;
    }
    return result;
  }

  static long saturate(long value, long least, long greatest) {
    return Math.max(least, Math.min(greatest, value));
  }

  static long cut(long value, int width) {
    return width == 64 ? value : value & (1L << width) - 1;
  }

  /** Shift by a 64-bit count: counts of the width and more shift everything out. */
  static long shift(int width, long lane, long count, char kind) {
    BigInteger n = new BigInteger(Long.toUnsignedString(count));
    int steps = n.min(BigInteger.valueOf(width)).intValue();
    BigInteger value = BigInteger.valueOf(lane);
    if (kind == 'r') {
      value = value.and(BigInteger.ONE.shiftLeft(width).subtract(BigInteger.ONE));
    }
    return (kind == 'l' ? value.shiftLeft(steps) : value.shiftRight(steps)).longValue();
  }
}
