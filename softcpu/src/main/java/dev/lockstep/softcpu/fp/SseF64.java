package dev.lockstep.softcpu.fp;

/**
 * SSE2 double precision, one element at a time, as raw bits; {@code a} is the destination operand. Flags go to {@link SseState#raised}.
 *
 * <p>Java's arithmetic is used where it can have only one result: see {@link SseState#fast}, {@link #isNormalOrZero} and {@link #isSafe}. A NaN never reaches it but to be thrown away.
 */
public final class SseF64 {
  private static final long EXPONENT = 0x7ff0000000000000L;

  private final SseState state;
  private final SseFloat slow;

  SseF64(SseState state) {
    this.state = state;
    this.slow = SseFloat.binary64(state);
  }

  /** ADDSD. */
  public long add(long a, long b) {
    if (state.fast() && isNormalOrZero(a) && isNormalOrZero(b)) {
      long sum = bits(value(a) + value(b));
      // A sum of normal numbers that is zero or tiny is exact.
      if (isSafe(sum) || sum == 0) {
        return sum;
      }
    }
    return slow.add(a, b);
  }

  /** SUBSD. */
  public long sub(long a, long b) {
    if (state.fast() && isNormalOrZero(a) && isNormalOrZero(b)) {
      long difference = bits(value(a) - value(b));
      if (isSafe(difference) || difference == 0) {
        return difference;
      }
    }
    return slow.sub(a, b);
  }

  /** MULSD. */
  public long mul(long a, long b) {
    if (state.fast() && isNormalOrZero(a) && isNormalOrZero(b)) {
      long product = bits(value(a) * value(b));
      if (isSafe(product)) {
        return product;
      }
    }
    return slow.mul(a, b);
  }

  /** DIVSD: a / b. */
  public long div(long a, long b) {
    if (state.fast() && isNormalOrZero(a) && isNormalOrZero(b)) {
      long quotient = bits(value(a) / value(b));
      if (isSafe(quotient)) {
        return quotient;
      }
    }
    return slow.div(a, b);
  }

  /** SQRTSD. */
  public long sqrt(long b) {
    if (state.fast() && isPositiveNormal(b)) {
      return bits(Math.sqrt(value(b)));
    }
    return slow.sqrt(b);
  }

  /** MINSD. */
  public long min(long a, long b) {
    if (isOrdinary(a) && isOrdinary(b)) {
      return value(a) < value(b) ? a : b;
    }
    return slow.min(a, b);
  }

  /** MAXSD. */
  public long max(long a, long b) {
    if (isOrdinary(a) && isOrdinary(b)) {
      return value(a) > value(b) ? a : b;
    }
    return slow.max(a, b);
  }

  /** CMPSD: predicate 0..7 = EQ LT LE UNORD NEQ NLT NLE ORD; all ones or zero. */
  public long cmp(int predicate, long a, long b) {
    if (isOrdinary(a) && isOrdinary(b)) {
      return holds(predicate, value(a), value(b)) ? -1L : 0;
    }
    return slow.cmp(predicate, a, b) ? -1L : 0;
  }

  /**
   * COMISD. Call {@link SseState#complete} before writing RFLAGS.
   *
   * @return ZF 0x40, PF 0x04, CF 0x01 for RFLAGS, where OF SF AF are to be cleared
   */
  public int comi(long a, long b) {
    if (isOrdinary(a) && isOrdinary(b)) {
      return ordinaryRelation(a, b);
    }
    return slow.comi(a, b);
  }

  /** UCOMISD; returns as {@link #comi}. */
  public int ucomi(long a, long b) {
    if (isOrdinary(a) && isOrdinary(b)) {
      return ordinaryRelation(a, b);
    }
    return slow.ucomi(a, b);
  }

  /** A predicate of CMPPS on two numbers, which are always ordered. */
  static boolean holds(int predicate, double x, double y) {
    boolean positive =
        switch (predicate & 3) {
          case 0 -> x == y;
          case 1 -> x < y;
          case 2 -> x <= y;
          default -> false;
        };
    return positive == (predicate < 4);
  }

  private static int ordinaryRelation(long a, long b) {
    double x = value(a);
    double y = value(b);
    if (x < y) {
      return X87Compares.CF;
    }
    return x == y ? X87Compares.ZF : 0;
  }

  /** Neither denormal nor, since results of infinities and NaNs are never safe, otherwise in the way. */
  private static boolean isNormalOrZero(long x) {
    return (x & EXPONENT) != 0 || x << 1 == 0;
  }

  /** Zero or normal: an order with no exception whatever MXCSR says. */
  static boolean isOrdinary(long x) {
    long exponent = x & EXPONENT;
    return exponent != EXPONENT && (exponent != 0 || x << 1 == 0);
  }

  private static boolean isPositiveNormal(long x) {
    return x >= 1L << 52 && x < EXPONENT;
  }

  /** Normal, and not the least normal binade, whose members may have been rounded up from tiny values. */
  private static boolean isSafe(long result) {
    return ((result >>> 52 & 0x7ff) - 2 & 0x7fffffffffffffffL) < 0x7fd;
  }

  private static double value(long bits) {
    return Double.longBitsToDouble(bits);
  }

  private static long bits(double value) {
    return Double.doubleToRawLongBits(value);
  }
}
