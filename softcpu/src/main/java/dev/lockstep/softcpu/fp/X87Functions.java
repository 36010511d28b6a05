package dev.lockstep.softcpu.fp;

import dev.lockstep.softcpu.fp.Operand.Kind;

/** Exact and algebraic functions of ST(0) and ST(1). */
public final class X87Functions {
  private static final int SIGN = 0x8000;
  private static final int BIAS = 16383;

  /** FSCALE's scale saturates far outside any exponent. */
  private static final int HUGE_SCALE = 1 << 17;

  private static final int QUOTIENT = X87State.C0 | X87State.C1 | X87State.C3;

  private final X87State state;
  private final X87Stack stack;
  private final F80 f80;

  X87Functions(X87Stack stack) {
    this.state = stack.state;
    this.stack = stack;
    this.f80 = stack.f80;
  }

  /** FCHS. */
  public void fchs() {
    stack.begin();
    if (state.isEmpty(0)) {
      stack.underflowInto(0);
    } else {
      state.signExponent[state.top] ^= SIGN;
    }
  }

  /** FABS. */
  public void fabs() {
    stack.begin();
    if (state.isEmpty(0)) {
      stack.underflowInto(0);
    } else {
      state.signExponent[state.top] &= ~SIGN;
    }
  }

  /** FSQRT. */
  public void fsqrt() {
    if (beginOnTop()) {
      f80.squareRoot();
      stack.acceptInto(0);
    }
  }

  /** FRNDINT. */
  public void frndint() {
    if (!beginOnTop()) {
      return;
    }
    if (!f80.unorderedSingle()) {
      f80.noteDenormal(f80.a);
      roundTop();
    }
    stack.acceptInto(0);
  }

  private void roundTop() {
    Operand a = f80.a;
    Wide wide = f80.wide;
    if (a.kind == Kind.ZERO) {
      f80.setZero(a.sign);
    } else if (a.kind == Kind.INFINITY) {
      f80.setInfinity(a.sign);
    } else if (a.exponent >= 63) {
      f80.set(a.sign, a.exponent + BIAS, a.significand);
    } else {
      wide.set(a);
      wide.roundToInteger(f80.rounding());
      f80.flags |= wide.inexact ? X87State.PE : 0;
      f80.roundedUp = wide.roundedUp;
      if (wide.high == 0) {
        f80.setZero(a.sign);
      } else {
        wide.normalise();
        f80.set(a.sign, wide.exponent + BIAS, wide.high);
      }
    }
  }

  /** FSCALE: ST(0) × 2^trunc(ST(1)). */
  public void fscale() {
    if (!beginOnTwo()) {
      return;
    }
    if (!f80.unordered()) {
      scale();
    }
    stack.acceptInto(0);
  }

  private void scale() {
    Operand a = f80.a;
    Operand b = f80.b;
    boolean up = b.kind == Kind.INFINITY && b.sign == 0;
    boolean down = b.kind == Kind.INFINITY && b.sign != 0;
    if (a.kind == Kind.INFINITY && down || a.kind == Kind.ZERO && up) {
      f80.invalid();
      return;
    }
    f80.noteDenormals();
    if (a.kind == Kind.INFINITY || up) {
      f80.setInfinity(a.sign);
    } else if (a.kind == Kind.ZERO || down) {
      f80.setZero(a.sign);
    } else {
      f80.wide.set(a);
      f80.wide.exponent += scaleOf(b);
      f80.packExtended();
    }
  }

  private static int scaleOf(Operand b) {
    if (b.kind == Kind.ZERO || b.exponent < 0) {
      return 0;
    }
    int magnitude = b.exponent > 16 ? HUGE_SCALE : (int) (b.significand >>> 63 - b.exponent);
    return b.sign != 0 ? -magnitude : magnitude;
  }

  /** FXTRACT: the exponent replaces ST(0), the significand is pushed. */
  public void fxtract() {
    stack.begin();
    if (state.isEmpty(0)) {
      if (stack.underflowInto(0)) {
        state.push(F80.INDEFINITE_SE, F80.INDEFINITE);
      }
      return;
    }
    if (stack.overflows()) {
      if (f80.isMasked(X87State.IE)) {
        state.set(0, F80.INDEFINITE_SE, F80.INDEFINITE);
        state.push(F80.INDEFINITE_SE, F80.INDEFINITE);
      }
      return;
    }
    stack.read(f80.a, 0);
    extract();
  }

  private void extract() {
    Operand a = f80.a;
    if (f80.unorderedSingle()) {
      if (stack.acceptInto(0)) {
        state.push(f80.signExponent, f80.significand);
      }
      return;
    }
    int signBit = a.sign << 15;
    if (a.kind == Kind.INFINITY) {
      f80.setInfinity(0);
      stack.acceptInto(0);
      state.push(signBit | 0x7fff, F80.INTEGER_BIT);
    } else if (a.kind == Kind.ZERO) {
      f80.flags |= X87State.ZE;
      f80.setInfinity(1);
      if (stack.acceptInto(0)) {
        state.push(signBit, 0);
      }
    } else {
      f80.noteDenormal(a);
      long significand = a.significand;
      f80.b.setInteger(a.exponent);
      setNormal(f80.b);
      if (stack.acceptInto(0)) {
        state.push(signBit | BIAS, significand);
      }
    }
  }

  private void setNormal(Operand x) {
    if (x.kind == Kind.ZERO) {
      f80.setZero(0);
    } else {
      f80.set(x.sign, x.exponent + BIAS, x.significand);
    }
  }

  /**
   * FPREM: the quotient is truncated. A difference D of exponents of 64 and more is reduced by N = 32 + D mod 32 of its bits at a time, with C2 = 1 (what the processors do within the manual's 32..63).
   */
  public void fprem() {
    state.status &= ~X87State.C2;
    if (beginOnTwo()) {
      remainder(false);
    }
  }

  /** FPREM1: the quotient is rounded to nearest even. */
  public void fprem1() {
    state.status &= ~X87State.C2;
    if (beginOnTwo()) {
      remainder(true);
    }
  }

  private void remainder(boolean nearest) {
    Operand a = f80.a;
    Operand b = f80.b;
    if (!f80.unordered()) {
      if (a.kind == Kind.INFINITY || b.kind == Kind.ZERO) {
        f80.invalid();
      } else {
        f80.noteDenormals();
        divideOut(nearest);
        return;
      }
    }
    stack.acceptInto(0);
  }

  private void divideOut(boolean nearest) {
    Operand a = f80.a;
    Operand b = f80.b;
    int quotient = 0;
    boolean partial = false;
    if (a.kind == Kind.ZERO) {
      f80.setZero(a.sign);
    } else {
      f80.wide.set(a);
      int distance = b.kind == Kind.INFINITY ? -2 : a.exponent - b.exponent;
      partial = distance > 63;
      if (partial) {
        int bits = 32 | distance & 31;
        reduce(bits, b.exponent + distance - bits);
      } else if (distance >= 0) {
        quotient = reduce(distance, b.exponent);
        quotient = nearest ? roundQuotient(quotient) : quotient;
      } else if (nearest && distance == -1) {
        quotient = roundHalf();
      }
      packRemainder(a.sign);
    }
    if (stack.acceptInto(0)) {
      state.status &= ~QUOTIENT;
      state.status |= partial ? X87State.C2 : codes(quotient);
    }
  }

  /** Leaves significand·2^steps mod b's significand in {@code wide}, not normalised, with this exponent; returns the quotient modulo 2^32. */
  private int reduce(int steps, int exponent) {
    long divisor = f80.b.significand;
    long rest = f80.a.significand;
    int quotient = 0;
    if (Long.compareUnsigned(rest, divisor) >= 0) {
      rest -= divisor;
      quotient = 1;
    }
    for (int i = 0; i < steps; i++) {
      boolean carry = rest < 0;
      rest <<= 1;
      quotient <<= 1;
      if (carry || Long.compareUnsigned(rest, divisor) >= 0) {
        rest -= divisor;
        quotient |= 1;
      }
    }
    f80.wide.high = rest;
    f80.wide.exponent = exponent;
    return quotient;
  }

  /** FPREM1's last step: takes the nearer multiple. */
  private int roundQuotient(int quotient) {
    Wide wide = f80.wide;
    long divisor = f80.b.significand;
    long other = divisor - wide.high;
    int order = Long.compareUnsigned(wide.high, other);
    if (order > 0 || order == 0 && (quotient & 1) != 0) {
      wide.high = other;
      wide.sign ^= 1;
      return quotient + 1;
    }
    return quotient;
  }

  /** FPREM1 with |a| in [|b|/4, |b|): the nearest multiple is 0 or b; a tie goes to 0. */
  private int roundHalf() {
    Wide wide = f80.wide;
    if (Long.compareUnsigned(wide.high, f80.b.significand) <= 0) {
      return 0;
    }
    wide.high = (f80.b.significand << 1) - wide.high;
    wide.sign ^= 1;
    return 1;
  }

  private void packRemainder(int sign) {
    Wide wide = f80.wide;
    if (wide.high == 0) {
      f80.setZero(sign);
      return;
    }
    wide.low = 0;
    wide.normalise();
    f80.packExtended();
  }

  private static int codes(int quotient) {
    return ((quotient & 4) != 0 ? X87State.C0 : 0)
        | ((quotient & 2) != 0 ? X87State.C3 : 0)
        | ((quotient & 1) != 0 ? X87State.C1 : 0);
  }

  private boolean beginOnTop() {
    stack.begin();
    if (state.isEmpty(0)) {
      stack.underflowInto(0);
      return false;
    }
    stack.read(f80.a, 0);
    return true;
  }

  private boolean beginOnTwo() {
    stack.begin();
    if (state.isEmpty(0) || state.isEmpty(1)) {
      stack.underflowInto(0);
      return false;
    }
    stack.read(f80.a, 0);
    stack.read(f80.b, 1);
    return true;
  }
}
