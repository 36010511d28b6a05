package dev.lockstep.softcpu.fp;

/**
 * RCPSS and RSQRTSS. The manual allows a relative error of 1.5 × 2^-12 and processors differ; the choice here is the exact value rounded to 12 fraction bits, half up, an error of at most 2^-13.
 * Neither looks at MXCSR nor raises anything; denormals count as zeros, tiny results are zeros (Intel SDM vol. 2, RCPSS and RSQRTSS).
 */
final class Approximations {
  private static final int SIGN = 0x80000000;
  private static final int INFINITY = 0x7f800000;
  private static final int QUIET = 0x00400000;
  private static final int INDEFINITE = 0xffc00000;
  private static final int IMPLICIT = 0x00800000;
  private static final int FRACTION = 0x007fffff;

  /** From 1.111111111101B × 2^125 on, reciprocals are guaranteed to be flushed to zero. */
  private static final int TINY_RECIPROCAL = 0x7e7fe800;

  private Approximations() {}

  /** 1 / x. */
  static int reciprocal(int x) {
    int magnitude = x & ~SIGN;
    int sign = x & SIGN;
    if (magnitude > INFINITY) {
      return x | QUIET;
    }
    if (magnitude < IMPLICIT) {
      return sign | INFINITY;
    }
    if (magnitude >= TINY_RECIPROCAL) {
      return sign;
    }
    long mantissa = magnitude & FRACTION | IMPLICIT;
    // 2/m with 12 fraction bits, 4096..8192; 8192 carries into the exponent.
    long quotient = (1L << 37) / mantissa + 1 >> 1;
    return sign | compose(252 - (magnitude >>> 23), quotient);
  }

  /** 1 / sqrt(x). */
  static int reciprocalSquareRoot(int x) {
    int magnitude = x & ~SIGN;
    if (magnitude > INFINITY) {
      return x | QUIET;
    }
    if (magnitude < IMPLICIT) {
      return x & SIGN | INFINITY;
    }
    if (x < 0) {
      return INDEFINITE;
    }
    if (x == INFINITY) {
      return 0;
    }
    int exponent = (x >>> 23) - 127;
    long mantissa = (long) (x & FRACTION | IMPLICIT) << (exponent & 1);
    // The double root of an integer below 2^52 has the right integer part.
    long root = (long) Math.sqrt((double) ((1L << 51) / mantissa));
    return compose(125 - (exponent >> 1), root + 1 >> 1);
  }

  /** quotient/4096 × 2^(biasedLess - 126): the leading bit of the quotient adds one to the exponent. */
  private static int compose(int biasedLess, long quotient) {
    return (biasedLess << 23) + ((int) quotient << 11);
  }
}
