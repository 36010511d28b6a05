package dev.lockstep.softcpu.fp;

import dev.lockstep.softcpu.fp.Operand.Kind;

/**
 * The angle of a point, 0..pi. By symmetry it comes down to the quotient q of the lesser and the greater coordinate; where q exceeds sqrt(2) - 1, arctan q = pi/4 - arctan((1 - q)/(1 + q)).
 */
final class Arctangent {
  /** Upper half of the significand of sqrt(2) - 1 = 1.6568... × 2^-2. */
  private static final long LIMIT = 0xd413cccfe7799211L;

  private static final int LIMIT_EXPONENT = -2;

  /** The magnitude of the angle. */
  final Real128 result = new Real128();

  private final Real128 q = new Real128();
  private final Real128 least = new Real128();
  private final Real128 greatest = new Real128();
  private final Real128 work = new Real128();

  /** The point (x, ±y), not on the positive half of the axis. */
  void of(Operand x, Operand y) {
    boolean infiniteX = x.kind == Kind.INFINITY;
    boolean infiniteY = y.kind == Kind.INFINITY;
    if (infiniteX && infiniteY) {
      result.set(Series.QUARTER_PI);
    } else if (infiniteY || x.kind == Kind.ZERO && y.kind != Kind.ZERO) {
      result.set(Series.HALF_PI);
      return;
    } else if (infiniteX || y.kind == Kind.ZERO) {
      result.set(Series.PI);
      return;
    } else {
      acute(x, y);
    }
    if (x.sign != 0) {
      turn(Series.PI);
    }
  }

  private void acute(Operand x, Operand y) {
    boolean steep =
        x.exponent < y.exponent
            || x.exponent == y.exponent && Long.compareUnsigned(x.significand, y.significand) < 0;
    least.set(steep ? x : y);
    greatest.set(steep ? y : x);
    least.sign = 0;
    greatest.sign = 0;
    q.set(least);
    q.divide(greatest);
    if (exceedsLimit()) {
      q.set(greatest);
      q.subtract(least);
      greatest.add(least);
      q.divide(greatest);
      arctangent();
      turn(Series.QUARTER_PI);
    } else {
      arctangent();
    }
    if (steep) {
      turn(Series.HALF_PI);
    }
  }

  private boolean exceedsLimit() {
    return q.exponent > LIMIT_EXPONENT
        || q.exponent == LIMIT_EXPONENT && Long.compareUnsigned(q.high, LIMIT) > 0;
  }

  /** result = arctan q. */
  private void arctangent() {
    work.set(q);
    work.multiply(q);
    Series.arctangent(work, result);
    result.multiply(q);
  }

  /** result = angle - result. */
  private void turn(Real128 angle) {
    work.set(angle);
    work.subtract(result);
    result.set(work);
  }
}
