package dev.lockstep.softcpu.fp;

import dev.lockstep.softcpu.fp.Operand.Kind;

/** The order of unpacked operands. */
final class Comparison {
  private Comparison() {}

  /** Negative, zero or positive as a is below, equal to or above b; neither is a NaN or unsupported. Zeros are equal. */
  static int compare(Operand a, Operand b) {
    int signA = signum(a);
    int signB = signum(b);
    if (signA != signB || signA == 0) {
      return Integer.compare(signA, signB);
    }
    return signA * compareMagnitudes(a, b);
  }

  private static int signum(Operand x) {
    if (x.kind == Kind.ZERO) {
      return 0;
    }
    return x.sign != 0 ? -1 : 1;
  }

  private static int compareMagnitudes(Operand a, Operand b) {
    if (a.kind != b.kind) {
      return a.kind == Kind.INFINITY ? 1 : -1;
    }
    if (a.kind == Kind.INFINITY) {
      return 0;
    }
    return a.exponent != b.exponent
        ? Integer.compare(a.exponent, b.exponent)
        : Long.compareUnsigned(a.significand, b.significand);
  }
}
