package dev.lockstep.softcpu.fp;

import dev.lockstep.softcpu.fp.Operand.Kind;

/**
 * Transcendental functions, by 128-bit integer arithmetic: within 1 ulp of the exact value (Intel SDM vol. 1 8.3.10), in fact nearly always correctly rounded by rounding control. The trigonometric
 * ones reduce their argument by the x87's Pi, see {@link AngleReduction}. Precision control has no effect.
 */
public final class X87Transcendentals {
  /** Trigonometric arguments from 2^63 on are out of range: C2, and nothing else happens. */
  private static final int RANGE_EXPONENT = 63;

  /** From here down tan r is r and a bit. */
  private static final int TINY_EXPONENT = -60;

  private final X87State state;
  private final X87Stack stack;
  private final F80 f80;
  private final AngleReduction reduction = new AngleReduction();
  private final Logarithm logarithm = new Logarithm();
  private final Arctangent arctangent = new Arctangent();
  private final Real128 x = new Real128();
  private final Real128 y = new Real128();
  private final Real128 square = new Real128();

  X87Transcendentals(X87Stack stack) {
    this.state = stack.state;
    this.stack = stack;
    this.f80 = stack.f80;
  }

  /**
   * F2XM1: ST(0) = 2^ST(0) - 1. For |ST(0)| > 1, undefined by the manual, finite values stay as they are (PE), -infinity gives -1.
   */
  public void f2xm1() {
    if (!beginOnTop()) {
      return;
    }
    if (!f80.unorderedSingle()) {
      exponential();
    }
    stack.acceptInto(0);
  }

  private void exponential() {
    Operand a = f80.a;
    if (a.kind == Kind.ZERO) {
      f80.setZero(a.sign);
    } else if (a.kind == Kind.INFINITY) {
      if (a.sign == 0) {
        f80.setInfinity(0);
      } else {
        f80.set(1, 0x3fff, F80.INTEGER_BIT);
      }
    } else if (a.exponent >= 0) {
      f80.wide.set(a);
      if (a.exponent == 0 && a.significand == F80.INTEGER_BIT) {
        // 2^1 - 1 = 1 and 2^-1 - 1 = -1/2.
        f80.wide.exponent -= a.sign;
        f80.packExtended();
      } else {
        f80.packExtended();
        f80.flags |= X87State.PE;
      }
    } else {
      f80.noteDenormal(a);
      x.set(a);
      x.multiply(Series.LN2);
      Series.exponential(x, y);
      y.multiply(x);
      f80.packInexact(y);
    }
  }

  /** FYL2X: ST(1) = ST(1) × log2 ST(0), then pops. */
  public void fyl2x() {
    if (!beginOnTwo()) {
      return;
    }
    if (!f80.unordered()) {
      timesLogarithm();
    }
    popInto(1);
  }

  private void timesLogarithm() {
    Operand a = f80.a;
    if (a.kind == Kind.ZERO) {
      timesLogarithmOfZero();
    } else if (a.sign != 0) {
      f80.invalid();
    } else if (a.kind == Kind.INFINITY) {
      timesInfinity(0);
    } else if (a.significand == F80.INTEGER_BIT) {
      timesInteger(a.exponent);
    } else if (f80.b.kind == Kind.FINITE) {
      f80.noteDenormals();
      x.set(a);
      logarithm.of(x);
      multiplyAndPack();
    } else {
      timesSignOf(a.exponent < 0 ? 1 : 0);
    }
  }

  /** log2 0 = -infinity by division by zero, unless ST(1) is infinite already. */
  private void timesLogarithmOfZero() {
    if (f80.b.kind == Kind.FINITE) {
      f80.flags |= X87State.ZE;
      f80.setInfinity(f80.b.sign ^ 1);
    } else {
      timesInfinity(1);
    }
  }

  /** ST(1) × an infinite logarithm. */
  private void timesInfinity(int sign) {
    if (f80.b.kind == Kind.ZERO) {
      f80.invalid();
    } else {
      f80.noteDenormals();
      f80.setInfinity(f80.b.sign ^ sign);
    }
  }

  /** ST(1) × the exact logarithm of a power of two; PE as for any other logarithm, as processors do. */
  private void timesInteger(int exponent) {
    Operand b = f80.b;
    if (exponent == 0 && b.kind == Kind.INFINITY) {
      f80.invalid();
    } else if (exponent == 0 || b.kind != Kind.FINITE) {
      timesSignOf(exponent < 0 ? 1 : 0);
    } else {
      f80.noteDenormals();
      f80.a.setInteger(exponent);
      f80.wide.multiply(f80.a, b);
      f80.packExtended();
      boolean tiny = (f80.signExponent & 0x7fff) == 0;
      f80.flags |= X87State.PE | (tiny ? X87State.UE : 0);
    }
  }

  /** Zero or infinite ST(1), or ST(1) × 0: only signs count. */
  private void timesSignOf(int sign) {
    f80.noteDenormals();
    if (f80.b.kind == Kind.INFINITY) {
      f80.setInfinity(f80.b.sign ^ sign);
    } else {
      f80.setZero(f80.b.sign ^ sign);
    }
  }

  /**
   * FYL2XP1: ST(1) = ST(1) × log2(ST(0) + 1), then pops. Outside the manual's range of ±(1 - sqrt(1/2)) it goes on by the same formula; below -1 it is invalid.
   */
  public void fyl2xp1() {
    if (!beginOnTwo()) {
      return;
    }
    if (!f80.unordered()) {
      timesLogarithmPlusOne();
    }
    popInto(1);
  }

  private void timesLogarithmPlusOne() {
    Operand a = f80.a;
    boolean belowZero = a.sign != 0 && a.kind != Kind.ZERO;
    if (belowZero && (a.kind == Kind.INFINITY || a.exponent >= 0)) {
      if (a.exponent == 0 && a.kind == Kind.FINITE && a.significand == F80.INTEGER_BIT) {
        timesLogarithmOfZero();
      } else {
        f80.invalid();
      }
    } else if (a.kind == Kind.INFINITY) {
      timesInfinity(0);
    } else if (a.kind == Kind.ZERO && f80.b.kind == Kind.INFINITY) {
      f80.invalid();
    } else if (a.kind == Kind.ZERO || f80.b.kind != Kind.FINITE) {
      timesSignOf(a.sign);
    } else {
      f80.noteDenormals();
      x.set(a);
      logarithm.ofPlusOne(x);
      multiplyAndPack();
    }
  }

  private void multiplyAndPack() {
    y.set(f80.b);
    y.multiply(logarithm.result);
    f80.packInexact(y);
  }

  /** FSIN. */
  public void fsin() {
    state.status &= ~X87State.C2;
    if (!beginOnTop()) {
      return;
    }
    if (isOutOfRange()) {
      return;
    }
    if (!isSpecialAngle()) {
      if (f80.a.kind == Kind.ZERO) {
        f80.setZero(f80.a.sign);
      } else {
        f80.noteDenormal(f80.a);
        reduction.reduce(f80.a);
        packSine(reduction.quadrant);
      }
    }
    stack.acceptInto(0);
  }

  /** FCOS. */
  public void fcos() {
    state.status &= ~X87State.C2;
    if (!beginOnTop()) {
      return;
    }
    if (isOutOfRange()) {
      return;
    }
    if (!isSpecialAngle()) {
      cosine();
    }
    stack.acceptInto(0);
  }

  private void cosine() {
    if (f80.a.kind == Kind.ZERO) {
      f80.set(0, 0x3fff, F80.INTEGER_BIT);
    } else {
      f80.noteDenormal(f80.a);
      reduction.reduce(f80.a);
      packSine(reduction.quadrant + 1);
    }
  }

  /** FSINCOS: the sine replaces ST(0), the cosine is pushed. */
  public void fsincos() {
    state.status &= ~X87State.C2;
    if (!beginOnTopAndPush()) {
      return;
    }
    if (isOutOfRange()) {
      return;
    }
    if (isSpecialAngle()) {
      acceptTwice();
      return;
    }
    if (f80.a.kind == Kind.ZERO) {
      f80.setZero(f80.a.sign);
    } else {
      f80.noteDenormal(f80.a);
      reduction.reduce(f80.a);
      packSine(reduction.quadrant);
    }
    int sineSe = f80.signExponent;
    long sine = f80.significand;
    cosine();
    if (stack.accept()) {
      state.set(0, sineSe, sine);
      state.push(f80.signExponent, f80.significand);
    }
  }

  /** FPTAN: the tangent replaces ST(0), 1.0 is pushed. */
  public void fptan() {
    state.status &= ~X87State.C2;
    if (!beginOnTopAndPush()) {
      return;
    }
    if (isOutOfRange()) {
      return;
    }
    if (isSpecialAngle()) {
      acceptTwice();
      return;
    }
    if (f80.a.kind == Kind.ZERO) {
      f80.setZero(f80.a.sign);
    } else {
      f80.noteDenormal(f80.a);
      reduction.reduce(f80.a);
      tangent();
    }
    if (stack.acceptInto(0)) {
      state.push(0x3fff, F80.INTEGER_BIT);
    }
  }

  private void tangent() {
    if (reduction.angle.exponent < TINY_EXPONENT && (reduction.quadrant & 1) == 0) {
      // What follows r in r + r³/3 + ... is little for the 128 bits, and more than nothing.
      f80.packInexact(reduction.angle);
      return;
    }
    setSine(x);
    Series.cosine(square, y);
    if ((reduction.quadrant & 1) == 0) {
      x.divide(y);
      f80.packInexact(x);
    } else {
      y.divide(x);
      y.sign ^= 1;
      f80.packInexact(y);
    }
  }

  /** FPATAN: ST(1) = the angle of the point (ST(0), ST(1)), then pops. */
  public void fpatan() {
    if (!beginOnTwo()) {
      return;
    }
    if (!f80.unordered()) {
      f80.noteDenormals();
      angle();
    }
    popInto(1);
  }

  /** Abscissa a, ordinate b. */
  private void angle() {
    Operand a = f80.a;
    Operand b = f80.b;
    boolean onAxis = b.kind == Kind.ZERO || a.kind == Kind.INFINITY && b.kind != Kind.INFINITY;
    if (onAxis && a.sign == 0) {
      f80.setZero(b.sign);
      return;
    }
    arctangent.of(a, b);
    arctangent.result.sign = b.sign;
    f80.packInexact(arctangent.result);
  }

  /** Sine of the reduced angle into {@code result}; leaves its square in {@link #square}. */
  private void setSine(Real128 result) {
    square.set(reduction.angle);
    square.multiply(reduction.angle);
    Series.sine(square, result);
    result.multiply(reduction.angle);
  }

  /** Sine of the reduced angle plus this many quarter turns. */
  private void packSine(int quarters) {
    if ((quarters & 1) == 0) {
      setSine(x);
    } else {
      square.set(reduction.angle);
      square.multiply(reduction.angle);
      Series.cosine(square, x);
    }
    x.sign ^= quarters >>> 1 & 1;
    f80.packInexact(x);
  }

  /** Sets C2 for arguments of 2^63 and more. */
  private boolean isOutOfRange() {
    boolean out = f80.a.kind == Kind.FINITE && f80.a.exponent >= RANGE_EXPONENT;
    state.status |= out ? X87State.C2 : 0;
    return out;
  }

  /** NaNs and infinities. */
  private boolean isSpecialAngle() {
    if (f80.unorderedSingle()) {
      return true;
    }
    if (f80.a.kind == Kind.INFINITY) {
      f80.invalid();
      return true;
    }
    return false;
  }

  private void acceptTwice() {
    if (stack.acceptInto(0)) {
      state.push(f80.signExponent, f80.significand);
    }
  }

  private void popInto(int i) {
    if (stack.acceptInto(i)) {
      state.pop();
    }
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

  private boolean beginOnTopAndPush() {
    stack.begin();
    boolean underflow = state.isEmpty(0);
    if (underflow) {
      stack.underflow();
    }
    if (underflow || stack.overflows()) {
      if (f80.isMasked(X87State.IE)) {
        state.set(0, F80.INDEFINITE_SE, F80.INDEFINITE);
        state.push(F80.INDEFINITE_SE, F80.INDEFINITE);
      }
      return false;
    }
    stack.read(f80.a, 0);
    return true;
  }

  /** For the functions that pop: a stack underflow does too when it is masked. */
  private boolean beginOnTwo() {
    stack.begin();
    if (state.isEmpty(0) || state.isEmpty(1)) {
      if (stack.underflowInto(1)) {
        state.pop();
      }
      return false;
    }
    stack.read(f80.a, 0);
    stack.read(f80.b, 1);
    return true;
  }
}
