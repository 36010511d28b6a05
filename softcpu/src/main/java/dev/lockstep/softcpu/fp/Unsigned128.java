package dev.lockstep.softcpu.fp;

/** Unsigned arithmetic on pairs of longs. */
final class Unsigned128 {
  private static final long LOW = 0xffffffffL;

  private Unsigned128() {}

  static boolean less(long aHigh, long aLow, long bHigh, long bLow) {
    int order = Long.compareUnsigned(aHigh, bHigh);
    return order < 0 || order == 0 && Long.compareUnsigned(aLow, bLow) < 0;
  }

  /**
   * Quotient of high:low by a divisor with bit 63 set; {@code high} must be below the divisor. The remainder is {@code low - quotient * divisor}. Schoolbook division in base 2^32 (Knuth, TAOCP vol.
   * 2, 4.3.1, algorithm D).
   */
  static long divide(long high, long low, long divisor) {
    long first = digit(high, low >>> 32, divisor);
    long rest = (high << 32 | low >>> 32) - first * divisor;
    long second = digit(rest, low & LOW, divisor);
    return first << 32 | second;
  }

  /** One digit: (rest·2^32 + next) / divisor. */
  private static long digit(long rest, long next, long divisor) {
    long top = divisor >>> 32;
    long bottom = divisor & LOW;
    long guess = Long.divideUnsigned(rest, top);
    long left = rest - guess * top;
    while (guess > LOW || Long.compareUnsigned(guess * bottom, left << 32 | next) > 0) {
      guess--;
      left += top;
      if (left > LOW) {
        break;
      }
    }
    return guess;
  }
}
