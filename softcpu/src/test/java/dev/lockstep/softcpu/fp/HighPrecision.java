package dev.lockstep.softcpu.fp;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;

/** Elementary functions in decimal arithmetic of 70 digits, by series after halving arguments: slow, and nothing like the main code. */
final class HighPrecision {
  static final MathContext DIGITS = new MathContext(70);
  private static final BigDecimal TWO = BigDecimal.TWO;
  private static final BigDecimal TINY = new BigDecimal("1e-75");

  /** Machin's formula. */
  static final BigDecimal PI =
      arctangentSeries(BigDecimal.ONE.divide(BigDecimal.valueOf(5), DIGITS))
          .multiply(BigDecimal.valueOf(16))
          .subtract(
              arctangentSeries(BigDecimal.ONE.divide(BigDecimal.valueOf(239), DIGITS))
                  .multiply(BigDecimal.valueOf(4)),
              DIGITS);

  /** The x87's Pi: 0.C90FDAA22168C234C × 2^2 (SDM vol. 1 8.3.8). */
  static final BigDecimal X87_PI =
      new BigDecimal(new BigInteger("C90FDAA22168C234C", 16)).divide(TWO.pow(66));

  static final BigDecimal LN2 =
      artanhSeries(BigDecimal.ONE.divide(BigDecimal.valueOf(3), DIGITS)).multiply(TWO);

  private HighPrecision() {}

  /** significand × 2^exponent. */
  static BigDecimal scaled(long unsignedSignificand, int exponent) {
    BigDecimal bits = new BigDecimal(Long.toUnsignedString(unsignedSignificand));
    return bits.multiply(powerOfTwo(exponent), DIGITS);
  }

  static BigDecimal powerOfTwo(int exponent) {
    BigDecimal power = TWO.pow(Math.abs(exponent), DIGITS);
    return exponent < 0 ? BigDecimal.ONE.divide(power, DIGITS) : power;
  }

  /** e^y - 1, |y| below 1. For (1 + w)² - 1 = w (w + 2), w = e^(y/2) - 1. */
  static BigDecimal exponentialMinusOne(BigDecimal y) {
    BigDecimal small = y.divide(BigDecimal.valueOf(16), DIGITS);
    BigDecimal term = small;
    BigDecimal sum = small;
    for (int k = 2; isSeen(term, sum); k++) {
      term = term.multiply(small, DIGITS).divide(BigDecimal.valueOf(k), DIGITS);
      sum = sum.add(term, DIGITS);
    }
    for (int i = 0; i < 4; i++) {
      sum = sum.multiply(sum.add(TWO, DIGITS), DIGITS);
    }
    return sum;
  }

  /** log2 x, x within a factor of 2 of 1, given x - 1. */
  static BigDecimal log2OnePlus(BigDecimal d) {
    BigDecimal s = d.divide(d.add(TWO, DIGITS), DIGITS);
    return artanhSeries(s).multiply(TWO).divide(LN2, DIGITS);
  }

  /** sin r, |r| up to 1. */
  static BigDecimal sine(BigDecimal r) {
    return alternating(r, r, 1);
  }

  /** cos r, |r| up to 1. */
  static BigDecimal cosine(BigDecimal r) {
    return alternating(r, BigDecimal.ONE, 0);
  }

  /** arctan q, q ≥ 0, after halving the angle three times: tan(a/2) = q / (1 + sqrt(1 + q²)). */
  static BigDecimal arctangent(BigDecimal q) {
    BigDecimal half = q;
    for (int i = 0; i < 3; i++) {
      BigDecimal root = half.multiply(half).add(BigDecimal.ONE).round(DIGITS).sqrt(DIGITS);
      half = half.divide(root.add(BigDecimal.ONE), DIGITS);
    }
    return arctangentSeries(half).multiply(BigDecimal.valueOf(8));
  }

  private static BigDecimal alternating(BigDecimal r, BigDecimal first, int start) {
    BigDecimal square = r.multiply(r, DIGITS).negate();
    BigDecimal term = first;
    BigDecimal sum = first;
    for (int k = start + 1; isSeen(term, sum); k += 2) {
      term = term.multiply(square, DIGITS).divide(BigDecimal.valueOf((long) k * (k + 1)), DIGITS);
      sum = sum.add(term, DIGITS);
    }
    return sum;
  }

  private static BigDecimal artanhSeries(BigDecimal s) {
    return odd(s, s.multiply(s, DIGITS));
  }

  private static BigDecimal arctangentSeries(BigDecimal q) {
    return odd(q, q.multiply(q, DIGITS).negate());
  }

  private static BigDecimal odd(BigDecimal x, BigDecimal step) {
    BigDecimal power = x;
    BigDecimal sum = x;
    for (int k = 3; isSeen(power, sum); k += 2) {
      power = power.multiply(step, DIGITS);
      sum = sum.add(power.divide(BigDecimal.valueOf(k), DIGITS), DIGITS);
    }
    return sum;
  }

  private static boolean isSeen(BigDecimal term, BigDecimal sum) {
    return term.abs().compareTo(sum.abs().multiply(TINY, DIGITS)) > 0;
  }
}
