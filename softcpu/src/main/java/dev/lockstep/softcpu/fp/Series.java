package dev.lockstep.softcpu.fp;

import java.math.BigInteger;

/**
 * Constants and power series of the transcendental functions, in {@link Real128}. The tables are made once, by exact integer division; enough terms are kept for a relative error below 2^-85, so the
 * one rounding to 64 bits that follows decides the error.
 */
final class Series {
  private static final int EXPONENTIAL_TERMS = 26;
  private static final int LOGARITHM_TERMS = 20;
  private static final int SINE_TERMS = 15;
  private static final int ARCTANGENT_TERMS = 40;

  /** 1. */
  static final Real128 ONE = Real128.ratio(BigInteger.ONE, BigInteger.ONE);

  /** pi, 192 bits of which are given. */
  static final Real128 PI = constant("c90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74", 1);

  /** pi/2. */
  static final Real128 HALF_PI = constant("c90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74", 0);

  /** pi/4. */
  static final Real128 QUARTER_PI =
      constant("c90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74", -1);

  /** Natural logarithm of 2. */
  static final Real128 LN2 = constant("b17217f7d1cf79abc9e3b39803f2f6af40f343267298b62d", -1);

  /** 2/ln 2. */
  static final Real128 TWO_LOG2_E = constant("b8aa3b295c17f0bbbe87fed0691d3e88eb577aa8dd695a58", 1);

  /** 1/(k+1)!: (e^y - 1)/y in y. */
  private static final Real128[] EXPONENTIAL = new Real128[EXPONENTIAL_TERMS];

  /** 1/(2k+1): artanh(s)/s in s². */
  private static final Real128[] LOGARITHM = new Real128[LOGARITHM_TERMS];

  /** ±1/(2k+1)!: sin(r)/r in r². */
  private static final Real128[] SINE = new Real128[SINE_TERMS];

  /** ±1/(2k)!: cos(r) in r². */
  private static final Real128[] COSINE = new Real128[SINE_TERMS];

  /** ±1/(2k+1): arctan(q)/q in q². */
  private static final Real128[] ARCTANGENT = new Real128[ARCTANGENT_TERMS];

  static {
    fillOdd(LOGARITHM, false);
    fillOdd(ARCTANGENT, true);
    BigInteger factorial = BigInteger.ONE;
    for (int k = 0; k < EXPONENTIAL_TERMS; k++) {
      factorial = factorial.multiply(BigInteger.valueOf(k + 1));
      EXPONENTIAL[k] = Real128.ratio(BigInteger.ONE, factorial);
    }
    factorial = BigInteger.ONE;
    for (int k = 0; k < SINE_TERMS; k++) {
      COSINE[k] = Real128.ratio(BigInteger.ONE, factorial);
      factorial = factorial.multiply(BigInteger.valueOf(2L * k + 1));
      SINE[k] = Real128.ratio(BigInteger.ONE, factorial);
      factorial = factorial.multiply(BigInteger.valueOf(2L * k + 2));
      SINE[k].sign = k & 1;
      COSINE[k].sign = k & 1;
    }
  }

  private Series() {}

  /** result = (e^y - 1)/y, |y| up to ln 2. */
  static void exponential(Real128 y, Real128 result) {
    horner(EXPONENTIAL, y, result);
  }

  /** result = artanh(s)/s by s², |s| up to 0.172. */
  static void logarithm(Real128 square, Real128 result) {
    horner(LOGARITHM, square, result);
  }

  /** result = sin(r)/r by r², |r| up to pi/4. */
  static void sine(Real128 square, Real128 result) {
    horner(SINE, square, result);
  }

  /** result = cos(r) by r², |r| up to pi/4. */
  static void cosine(Real128 square, Real128 result) {
    horner(COSINE, square, result);
  }

  /** result = arctan(q)/q by q², |q| up to 0.4143. */
  static void arctangent(Real128 square, Real128 result) {
    horner(ARCTANGENT, square, result);
  }

  private static void horner(Real128[] coefficients, Real128 x, Real128 result) {
    int last = coefficients.length - 1;
    result.set(coefficients[last]);
    for (int k = last - 1; k >= 0; k--) {
      result.multiply(x);
      result.add(coefficients[k]);
    }
  }

  private static void fillOdd(Real128[] table, boolean alternating) {
    for (int k = 0; k < table.length; k++) {
      table[k] = Real128.ratio(BigInteger.ONE, BigInteger.valueOf(2L * k + 1));
      table[k].sign = alternating ? k & 1 : 0;
    }
  }

  /** A constant by its leading 192 bits, the first of which weighs 2^exponent. */
  private static Real128 constant(String hex, int exponent) {
    BigInteger bits = new BigInteger(hex, 16);
    return Real128.ofScaled(bits, exponent - bits.bitLength() + 1);
  }
}
