package dev.lockstep.softcpu.fp;

/**
 * SSE single precision as raw bits; {@code a} is the destination operand. Methods ending in {@code Pair} work on the two elements of a 64-bit half. Flags go to {@link SseState#raised}.
 *
 * <p>Fast paths as in {@link SseF64}.
 */
public final class SseF32 {
  private static final int EXPONENT = 0x7f800000;
  private static final long LOW = 0xffffffffL;

  private final SseState state;
  private final SseFloat slow;

  SseF32(SseState state) {
    this.state = state;
    this.slow = SseFloat.binary32(state);
  }

  /** ADDSS. */
  public int add(int a, int b) {
    if (state.fast() && isNormalOrZero(a) && isNormalOrZero(b)) {
      int sum = bits(value(a) + value(b));
      if (isSafe(sum) || sum == 0) {
        return sum;
      }
    }
    return (int) slow.add(a, b);
  }

  /** SUBSS. */
  public int sub(int a, int b) {
    if (state.fast() && isNormalOrZero(a) && isNormalOrZero(b)) {
      int difference = bits(value(a) - value(b));
      if (isSafe(difference) || difference == 0) {
        return difference;
      }
    }
    return (int) slow.sub(a, b);
  }

  /** MULSS. */
  public int mul(int a, int b) {
    if (state.fast() && isNormalOrZero(a) && isNormalOrZero(b)) {
      int product = bits(value(a) * value(b));
      if (isSafe(product)) {
        return product;
      }
    }
    return (int) slow.mul(a, b);
  }

  /** DIVSS: a / b. */
  public int div(int a, int b) {
    if (state.fast() && isNormalOrZero(a) && isNormalOrZero(b)) {
      int quotient = bits(value(a) / value(b));
      if (isSafe(quotient)) {
        return quotient;
      }
    }
    return (int) slow.div(a, b);
  }

  /**
   * SQRTSS. The double-precision root has more than 2·24+2 bits, so rounding it again gives the correctly rounded single one.
   */
  public int sqrt(int b) {
    if (state.fast() && isPositiveNormal(b)) {
      return bits((float) Math.sqrt(value(b)));
    }
    return (int) slow.sqrt(b);
  }

  /** MINSS. */
  public int min(int a, int b) {
    if (isOrdinary(a) && isOrdinary(b)) {
      return value(a) < value(b) ? a : b;
    }
    return (int) slow.min(a, b);
  }

  /** MAXSS. */
  public int max(int a, int b) {
    if (isOrdinary(a) && isOrdinary(b)) {
      return value(a) > value(b) ? a : b;
    }
    return (int) slow.max(a, b);
  }

  /** CMPSS: predicate 0..7 = EQ LT LE UNORD NEQ NLT NLE ORD; all ones or zero. */
  public int cmp(int predicate, int a, int b) {
    if (isOrdinary(a) && isOrdinary(b)) {
      return SseF64.holds(predicate, value(a), value(b)) ? -1 : 0;
    }
    return slow.cmp(predicate, a, b) ? -1 : 0;
  }

  /**
   * COMISS. Call {@link SseState#complete} before writing RFLAGS.
   *
   * @return ZF 0x40, PF 0x04, CF 0x01 for RFLAGS, where OF SF AF are to be cleared
   */
  public int comi(int a, int b) {
    if (isOrdinary(a) && isOrdinary(b)) {
      return ordinaryRelation(a, b);
    }
    return slow.comi(a, b);
  }

  /** UCOMISS; returns as {@link #comi}. */
  public int ucomi(int a, int b) {
    if (isOrdinary(a) && isOrdinary(b)) {
      return ordinaryRelation(a, b);
    }
    return slow.ucomi(a, b);
  }

  /** RCPSS; raises nothing. See {@link Approximations#reciprocal}. */
  public int rcp(int b) {
    return Approximations.reciprocal(b);
  }

  /** RSQRTSS; raises nothing. See {@link Approximations#reciprocalSquareRoot}. */
  public int rsqrt(int b) {
    return Approximations.reciprocalSquareRoot(b);
  }

  /** ADDPS. */
  public long addPair(long a, long b) {
    return pair(add((int) a, (int) b), add(high(a), high(b)));
  }

  /** SUBPS. */
  public long subPair(long a, long b) {
    return pair(sub((int) a, (int) b), sub(high(a), high(b)));
  }

  /** MULPS. */
  public long mulPair(long a, long b) {
    return pair(mul((int) a, (int) b), mul(high(a), high(b)));
  }

  /** DIVPS. */
  public long divPair(long a, long b) {
    return pair(div((int) a, (int) b), div(high(a), high(b)));
  }

  /** SQRTPS. */
  public long sqrtPair(long b) {
    return pair(sqrt((int) b), sqrt(high(b)));
  }

  /** MINPS. */
  public long minPair(long a, long b) {
    return pair(min((int) a, (int) b), min(high(a), high(b)));
  }

  /** MAXPS. */
  public long maxPair(long a, long b) {
    return pair(max((int) a, (int) b), max(high(a), high(b)));
  }

  /** CMPPS. */
  public long cmpPair(int predicate, long a, long b) {
    return pair(cmp(predicate, (int) a, (int) b), cmp(predicate, high(a), high(b)));
  }

  /** RCPPS. */
  public long rcpPair(long b) {
    return pair(rcp((int) b), rcp(high(b)));
  }

  /** RSQRTPS. */
  public long rsqrtPair(long b) {
    return pair(rsqrt((int) b), rsqrt(high(b)));
  }

  private static int ordinaryRelation(int a, int b) {
    float x = value(a);
    float y = value(b);
    if (x < y) {
      return X87Compares.CF;
    }
    return x == y ? X87Compares.ZF : 0;
  }

  private static boolean isNormalOrZero(int x) {
    return (x & EXPONENT) != 0 || x << 1 == 0;
  }

  private static boolean isOrdinary(int x) {
    int exponent = x & EXPONENT;
    return exponent != EXPONENT && (exponent != 0 || x << 1 == 0);
  }

  private static boolean isPositiveNormal(int x) {
    return x >= 1 << 23 && x < EXPONENT;
  }

  private static boolean isSafe(int result) {
    return ((result >>> 23 & 0xff) - 2 & 0x7fffffff) < 0xfd;
  }

  private static float value(int bits) {
    return Float.intBitsToFloat(bits);
  }

  private static int bits(float value) {
    return Float.floatToRawIntBits(value);
  }

  private static int high(long pair) {
    return (int) (pair >>> 32);
  }

  private static long pair(int low, int high) {
    return low & LOW | (long) high << 32;
  }
}
