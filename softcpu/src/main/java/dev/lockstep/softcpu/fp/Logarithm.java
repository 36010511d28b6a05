package dev.lockstep.softcpu.fp;

/** Logarithms to base 2: the integer part of the binary exponent, and for the rest in [sqrt(1/2), sqrt(2)] log2 m = 2/ln 2 · artanh((m - 1)/(m + 1)). */
final class Logarithm {
  /** Upper half of sqrt(2)'s significand. */
  private static final long SQRT2 = 0xb504f333f9de6484L;

  /** Below 1/4 the difference to 1 is given exactly rather than as a sum. */
  private static final int SMALL_EXPONENT = -3;

  /** The logarithm. */
  final Real128 result = new Real128();

  private final Real128 s = new Real128();
  private final Real128 work = new Real128();
  private final Real128 argument = new Real128();
  private int whole;

  /** log2 x, x positive. */
  void of(Real128 x) {
    whole = x.exponent;
    s.set(x);
    s.exponent = 0;
    if (Long.compareUnsigned(x.high, SQRT2) > 0) {
      whole++;
      s.exponent = -1;
    }
    work.set(s);
    work.add(Series.ONE);
    s.subtract(Series.ONE);
    finish();
  }

  /** log2(1 + x), x > -1 and not zero. */
  void ofPlusOne(Real128 x) {
    work.set(x);
    work.add(Series.ONE);
    if (x.exponent > SMALL_EXPONENT) {
      argument.set(work);
      of(argument);
    } else {
      whole = 0;
      s.set(x);
      work.add(Series.ONE);
      finish();
    }
  }

  /** result = whole + 2/ln 2 · artanh(s / work). */
  private void finish() {
    s.divide(work);
    work.set(s);
    work.multiply(s);
    Series.logarithm(work, result);
    result.multiply(s);
    result.multiply(Series.TWO_LOG2_E);
    if (whole != 0) {
      work.set(whole);
      result.add(work);
    }
  }
}
