package dev.lockstep.softcpu.fp;

import java.util.random.RandomGenerator;

/** Operands where arithmetic goes wrong: special values of every format, and random ones that meet often near cancellation, overflow and underflow. */
final class Operands {
  private static final long[] SIGNIFICANDS = {
    0x8000000000000000L,
    0x8000000000000001L,
    0xffffffffffffffffL,
    0xffffffffffffff00L,
    0xc000000000000000L,
    0x8000008000000000L,
    0x8000000000000400L,
    0x8000000000000c00L,
    0xfffffffffffffbffL,
    0xffffff7fffffffffL,
  };

  private static final int[] EXPONENTS = {
    0x0001, 0x0002, 0x003f, 0x0041, 0x1ffe, 0x2001, 0x3bcd, 0x3c00, 0x3c01, 0x3f6a, 0x3f81, 0x3fc0,
    0x3ffd, 0x3ffe, 0x3fff, 0x4000, 0x4001, 0x400d, 0x400e, 0x401d, 0x401e, 0x403a, 0x403d, 0x403e,
    0x403f, 0x407e, 0x43fe, 0x43ff, 0x5fff, 0x6000, 0x7ffd, 0x7ffe
  };

  /** Zeros, denormals, pseudo-denormals, unnormals, pseudo-infinity, pseudo-NaN, infinity, NaNs: {exponent, significand}. */
  static final long[][] SPECIAL80 = {
    {0x0000, 0},
    {0x0000, 1},
    {0x0000, 0x4000000000000000L},
    {0x0000, 0x7fffffffffffffffL},
    {0x0000, 0x000123456789abcdL},
    {0x0000, 0x8000000000000000L},
    {0x0000, 0x8000000000000005L},
    {0x0000, 0xffffffffffffffffL},
    {0x0001, 0x8000000000000000L},
    {0x0001, 0x4000000000000000L},
    {0x3fff, 0x4000000000000000L},
    {0x4000, 0},
    {0x7ffe, 0x7fffffffffffffffL},
    {0x7fff, 0},
    {0x7fff, 0x4000000000000000L},
    {0x7fff, 0x2000000000000001L},
    {0x7fff, 0x8000000000000000L},
    {0x7fff, 0xc000000000000000L},
    {0x7fff, 0xc000000000000001L},
    {0x7fff, 0xd000000000000123L},
    {0x7fff, 0x8000000000000001L},
    {0x7fff, 0x9000000000000123L},
    {0x7fff, 0xbfffffffffffffffL},
    {0x3fff, 0x8000000000000000L},
    {0x7ffe, 0xffffffffffffffffL},
  };

  static final int[] SPECIAL32 = {
    0x00000000, 0x00000001, 0x00400000, 0x007fffff, 0x00800000, 0x00800001, 0x3f800000, 0x3f800001,
    0x3f7fffff, 0x34000000, 0x33800000, 0x33000000, 0x4effffff, 0x4f000000, 0x4f000001, 0x5effffff,
    0x5f000000, 0x7e800000, 0x7f7fffff, 0x7f000000, 0x7f800000, 0x7fc00000, 0x7fc00001, 0x7fd12345,
    0x7f800001, 0x7fa12345, 0x7fbfffff, 0x40400000, 0x00ffffff, 0x1fffffff, 0x20000000, 0x5f7fffff
  };

  static final long[] SPECIAL64 = {
    0x0000000000000000L,
    0x0000000000000001L,
    0x0008000000000000L,
    0x000fffffffffffffL,
    0x0010000000000000L,
    0x0010000000000001L,
    0x3ff0000000000000L,
    0x3ff0000000000001L,
    0x3fefffffffffffffL,
    0x3cb0000000000000L,
    0x3ca0000000000000L,
    0x3c90000000000000L,
    0x41dfffffffc00000L,
    0x41dfffffffe00000L,
    0x41e0000000000000L,
    0x41e0000000200000L,
    0x43dfffffffffffffL,
    0x43e0000000000000L,
    0x7fe0000000000000L,
    0x7fefffffffffffffL,
    0x7ff0000000000000L,
    0x7ff8000000000000L,
    0x7ff8000000000001L,
    0x7ffa123456789abcL,
    0x7ff0000000000001L,
    0x7ff4123456789abcL,
    0x7ff7ffffffffffffL,
    0x47efffffe0000000L,
    0x47effffff0000000L,
    0x3810000000000000L,
    0x36a0000000000000L,
    0x3690000000000000L,
    0x380fffffffffffffL,
    0x1fefffffffffffffL,
    0x1ff0000000000000L,
    0x1fffffffffffffffL,
    0x2000000000000000L
  };

  final RandomGenerator random;

  /** The last 80-bit operand made. */
  int signExponent;

  long significand;

  Operands(RandomGenerator random) {
    this.random = random;
  }

  /** Makes an 80-bit operand; a quarter of them special. */
  void next80() {
    int sign = random.nextInt(2) << 15;
    switch (random.nextInt(8)) {
      case 0, 1 -> {
        long[] special = SPECIAL80[random.nextInt(SPECIAL80.length)];
        signExponent = sign | (int) special[0];
        significand = special[1];
      }
      case 2, 3 -> {
        signExponent = sign | EXPONENTS[random.nextInt(EXPONENTS.length)];
        significand = SIGNIFICANDS[random.nextInt(SIGNIFICANDS.length)];
      }
      case 4 -> {
        signExponent = sign | EXPONENTS[random.nextInt(EXPONENTS.length)];
        significand = random.nextLong() | Long.MIN_VALUE;
      }
      case 5 -> {
        signExponent = sign | random.nextInt(0x7fff);
        significand = random.nextLong() | Long.MIN_VALUE;
      }
      case 6 -> {
        signExponent = sign | 0x3fff + random.nextInt(-70, 71);
        significand = sparse() | Long.MIN_VALUE;
      }
      default -> {
        signExponent = sign | 0x3fff + random.nextInt(-2, 3);
        significand = random.nextLong() | Long.MIN_VALUE;
      }
    }
  }

  /** Makes a second operand that is close to (signExponent, significand) in magnitude. */
  void nearby(int otherSe, long otherSig) {
    int exponent = (otherSe & 0x7fff) + random.nextInt(-2, 3);
    signExponent = random.nextInt(2) << 15 | Math.clamp(exponent, 0, 0x7fff);
    significand = otherSig + random.nextInt(-3, 4);
  }

  int next32() {
    int sign = random.nextInt() & 0x80000000;
    return switch (random.nextInt(4)) {
      case 0 -> sign | SPECIAL32[random.nextInt(SPECIAL32.length)];
      case 1 -> random.nextInt();
      case 2 -> sign | 127 + random.nextInt(-3, 4) << 23 | random.nextInt() & 0x7fffff;
      default -> sign | random.nextInt(256) << 23 | (int) (sparse() >>> 41);
    };
  }

  long next64() {
    long sign = random.nextLong() & Long.MIN_VALUE;
    return switch (random.nextInt(4)) {
      case 0 -> sign | SPECIAL64[random.nextInt(SPECIAL64.length)];
      case 1 -> random.nextLong();
      case 2 -> sign | 1023L + random.nextInt(-3, 4) << 52 | random.nextLong() & 0xfffffffffffffL;
      default -> sign | (long) random.nextInt(2048) << 52 | sparse() >>> 12;
    };
  }

  /** Bits that sit near rounding boundaries: few ones, or few zeros. */
  long sparse() {
    long bits = random.nextInt(3) == 0 ? -1L : 0;
    for (int i = random.nextInt(4); i > 0; i--) {
      bits ^= 1L << random.nextInt(64);
    }
    return bits;
  }
}
