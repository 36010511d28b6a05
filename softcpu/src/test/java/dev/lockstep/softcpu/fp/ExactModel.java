package dev.lockstep.softcpu.fp;

import java.math.BigInteger;
import org.jspecify.annotations.Nullable;

/**
 * Rounding by its definition, slowly: values are exact fractions of big integers, and the result is found by comparing with the two neighbours of the format. Independent of everything in the main
 * code.
 */
final class ExactModel {
  /** A non-zero fraction: numerator / denominator × 2^scale. */
  record Value(BigInteger numerator, BigInteger denominator, int scale) {
    static Value of(BigInteger numerator, int scale) {
      return new Value(numerator, BigInteger.ONE, scale);
    }

    Value negate() {
      return new Value(numerator.negate(), denominator, scale);
    }

    Value plus(Value other) {
      int least = Math.min(scale, other.scale);
      BigInteger left = numerator.shiftLeft(scale - least).multiply(other.denominator);
      BigInteger right = other.numerator.shiftLeft(other.scale - least).multiply(denominator);
      return new Value(left.add(right), denominator.multiply(other.denominator), least);
    }

    Value times(Value other) {
      return new Value(
          numerator.multiply(other.numerator),
          denominator.multiply(other.denominator),
          scale + other.scale);
    }

    Value over(Value other) {
      BigInteger top = numerator.multiply(other.denominator);
      BigInteger bottom = denominator.multiply(other.numerator);
      boolean negative = bottom.signum() < 0;
      return new Value(negative ? top.negate() : top, bottom.abs(), scale - other.scale);
    }

    boolean isZero() {
      return numerator.signum() == 0;
    }
  }

  /** A format: significant bits, least exponent of a normal value, greatest exponent. */
  record Format(int precision, int least, int greatest) {
    static final Format BINARY32 = new Format(24, -126, 127);
    static final Format BINARY64 = new Format(53, -1022, 1023);

    static Format extended(int precision) {
      return new Format(precision, -16382, 16383);
    }
  }

  /**
   * A rounded value: (-1)^negative × significand × 2^(exponent - precision + 1). {@code exponent} is the least one for denormals and zeros. Overflowing results have {@code overflow} and the
   * significand and exponent of unbounded rounding.
   */
  record Rounded(
      boolean negative,
      BigInteger significand,
      int exponent,
      boolean inexact,
      boolean up,
      boolean overflow,
      boolean tiny,
      @Nullable Rounded unbounded) {}

  private ExactModel() {}

  /** Rounds a non-zero value; {@code rounding} as in the control words. */
  static Rounded round(Value value, Format format, int rounding) {
    Rounded unbounded = roundAt(value, exponentOf(value), format, rounding);
    if (unbounded.exponent < format.least) {
      Rounded bounded = roundAt(value, format.least, format, rounding);
      return new Rounded(
          bounded.negative,
          bounded.significand,
          bounded.exponent,
          bounded.inexact,
          bounded.up,
          false,
          true,
          unbounded);
    }
    boolean overflow = unbounded.exponent > format.greatest;
    // A value below the least normal that rounds up to it has the same significand either way.
    return new Rounded(
        unbounded.negative,
        unbounded.significand,
        unbounded.exponent,
        unbounded.inexact,
        unbounded.up,
        overflow,
        false,
        unbounded);
  }

  /** Square root of a positive value, rounded. The candidate is found by squaring, not by a root algorithm of ours. */
  static Rounded roundRoot(Value value, Format format, int rounding) {
    // sqrt(n/d·2^s) = sqrt(n·d·2^s')/d: take enough bits of the integer root, and a sticky one.
    int extra = 2 * format.precision + 64;
    int even = (value.scale & 1) == 0 ? value.scale : value.scale - 1;
    BigInteger radicand =
        value.numerator.shiftLeft(value.scale - even + 2 * extra).divide(value.denominator);
    BigInteger root = radicand.sqrt();
    boolean exact = root.multiply(root).equals(radicand);
    BigInteger sticky = root.shiftLeft(1).add(exact ? BigInteger.ZERO : BigInteger.ONE);
    return round(Value.of(sticky, even / 2 - extra - 1), format, rounding);
  }

  /** floor(log2 |value|). */
  static int exponentOf(Value value) {
    BigInteger top = value.numerator.abs();
    int guess = top.bitLength() - value.denominator.bitLength();
    boolean atLeast =
        guess >= 0
            ? top.compareTo(value.denominator.shiftLeft(guess)) >= 0
            : top.shiftLeft(-guess).compareTo(value.denominator) >= 0;
    return value.scale + (atLeast ? guess : guess - 1);
  }

  /** Rounds to multiples of 2^(exponent - precision + 1). */
  private static Rounded roundAt(Value value, int exponent, Format format, int rounding) {
    int unit = exponent - format.precision + 1;
    int shift = value.scale - unit;
    BigInteger top = value.numerator.abs();
    BigInteger bottom = value.denominator;
    if (shift >= 0) {
      top = top.shiftLeft(shift);
    } else {
      bottom = bottom.shiftLeft(-shift);
    }
    BigInteger[] parts = top.divideAndRemainder(bottom);
    boolean negative = value.numerator.signum() < 0;
    boolean inexact = parts[1].signum() != 0;
    int half = parts[1].shiftLeft(1).compareTo(bottom);
    boolean up =
        inexact
            && switch (rounding) {
              case 0 -> half > 0 || half == 0 && parts[0].testBit(0);
              case 1 -> negative;
              case 2 -> !negative;
              default -> false;
            };
    BigInteger significand = up ? parts[0].add(BigInteger.ONE) : parts[0];
    int result = exponent;
    if (significand.bitLength() > format.precision) {
      significand = significand.shiftRight(1);
      result++;
    }
    return new Rounded(negative, significand, result, inexact, up, false, false, null);
  }
}
