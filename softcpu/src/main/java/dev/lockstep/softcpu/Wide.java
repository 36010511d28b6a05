package dev.lockstep.softcpu;

/** Division of 128 bits by 64. */
final class Wide {
  private static final long LOW32 = 0xffff_ffffL;

  private Wide() {}

  /**
   * The quotient of the unsigned {@code high:low} by {@code divisor}; {@code high} must be below {@code divisor}. Schoolbook division by two 32-bit digits (Knuth, TAOCP vol. 2, 4.3.1, algorithm D).
   */
  static long divide(long high, long low, long divisor) {
    int shift = Long.numberOfLeadingZeros(divisor);
    long d = divisor << shift;
    long h = shift == 0 ? high : high << shift | low >>> 64 - shift;
    long l = low << shift;
    long q1 = digit(h, l >>> 32, d);
    long rest = (h << 32 | l >>> 32) - q1 * d;
    long q0 = digit(rest, l & LOW32, d);
    return q1 << 32 | q0;
  }

  /** One 32-bit digit of the quotient of {@code h:next} (96 bits) by a normalised divisor. */
  private static long digit(long h, long next, long d) {
    long dHigh = d >>> 32;
    long dLow = d & LOW32;
    long q = Long.divideUnsigned(h, dHigh);
    long r = h - q * dHigh;
    while (q > LOW32 || q < 0 || Long.compareUnsigned(q * dLow, r << 32 | next) > 0) {
      q--;
      r += dHigh;
      if (r > LOW32) {
        break;
      }
    }
    return q;
  }
}
