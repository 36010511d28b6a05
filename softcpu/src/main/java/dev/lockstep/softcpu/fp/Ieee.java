package dev.lockstep.softcpu.fp;

import dev.lockstep.softcpu.fp.Operand.Kind;

/** The four operations and the square root of IEEE 754 before rounding, for operands that are neither NaN nor unsupported. The sign of the result, and for {@link Outcome#FINITE} its value, is left in {@code result}. */
final class Ieee {
  /** What an operation comes to. */
  enum Outcome {
    /** {@code result} is to be rounded; it is not zero. */
    FINITE,
    ZERO,
    INFINITY,
    /** A finite non-zero value divided by zero: an infinity, and ZE. */
    DIVISION_BY_ZERO,
    INVALID
  }

  private Ieee() {}

  /** a + b; the rounding mode decides the sign of an exact zero. */
  static Outcome add(Operand a, Operand b, int rounding, Wide result) {
    result.sign = a.sign;
    if (a.kind == Kind.INFINITY || b.kind == Kind.INFINITY) {
      if (a.kind == b.kind && a.sign != b.sign) {
        return Outcome.INVALID;
      }
      result.sign = a.kind == Kind.INFINITY ? a.sign : b.sign;
      return Outcome.INFINITY;
    }
    if (a.kind == Kind.ZERO && b.kind == Kind.ZERO) {
      result.sign = a.sign == b.sign ? a.sign : exactZeroSign(rounding);
      return Outcome.ZERO;
    }
    if (a.kind == Kind.ZERO || b.kind == Kind.ZERO) {
      result.set(a.kind == Kind.ZERO ? b : a);
      return Outcome.FINITE;
    }
    result.add(a, b);
    if (result.high != 0) {
      return Outcome.FINITE;
    }
    result.sign = exactZeroSign(rounding);
    return Outcome.ZERO;
  }

  /** a × b. */
  static Outcome multiply(Operand a, Operand b, Wide result) {
    result.sign = a.sign ^ b.sign;
    boolean infinite = a.kind == Kind.INFINITY || b.kind == Kind.INFINITY;
    boolean zero = a.kind == Kind.ZERO || b.kind == Kind.ZERO;
    if (infinite) {
      return zero ? Outcome.INVALID : Outcome.INFINITY;
    }
    if (zero) {
      return Outcome.ZERO;
    }
    result.multiply(a, b);
    return Outcome.FINITE;
  }

  /** a / b. */
  static Outcome divide(Operand a, Operand b, Wide result) {
    result.sign = a.sign ^ b.sign;
    if (a.kind == Kind.INFINITY) {
      return b.kind == Kind.INFINITY ? Outcome.INVALID : Outcome.INFINITY;
    }
    if (b.kind == Kind.ZERO) {
      return a.kind == Kind.ZERO ? Outcome.INVALID : Outcome.DIVISION_BY_ZERO;
    }
    if (a.kind == Kind.ZERO || b.kind == Kind.INFINITY) {
      return Outcome.ZERO;
    }
    result.divide(a, b);
    return Outcome.FINITE;
  }

  /** Square root of a. */
  static Outcome squareRoot(Operand a, Wide result) {
    result.sign = a.sign;
    if (a.kind == Kind.ZERO) {
      return Outcome.ZERO;
    }
    if (a.sign != 0) {
      return Outcome.INVALID;
    }
    if (a.kind == Kind.INFINITY) {
      return Outcome.INFINITY;
    }
    result.squareRoot(a);
    return Outcome.FINITE;
  }

  private static int exactZeroSign(int rounding) {
    return rounding == Wide.DOWN ? 1 : 0;
  }
}
