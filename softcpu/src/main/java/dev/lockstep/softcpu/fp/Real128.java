package dev.lockstep.softcpu.fp;

import java.math.BigInteger;

/**
 * A floating-point number with a significand of 128 bits and an exponent without bounds, for intermediate results of the transcendental functions: (-1)^sign × (high:low)/2^127 × 2^exponent, bit 63 of
 * {@link #high} set, or zero with {@code high == 0}. Operations cut below the 128 bits (relative error under 2^-124); a subtraction never cuts to the greater side, so 1 - tiny stays below 1.
 */
final class Real128 {
  int sign;
  int exponent;
  long high;
  long low;

  /** The exact value of a fraction of positive integers, cut to 128 bits. For tables only: it allocates. */
  static Real128 ratio(BigInteger numerator, BigInteger denominator) {
    int shift = 129 + denominator.bitLength() - numerator.bitLength();
    return ofScaled(numerator.shiftLeft(shift).divide(denominator), -shift);
  }

  /** value × 2^scale, cut to 128 bits. For tables only: it allocates. */
  static Real128 ofScaled(BigInteger value, int scale) {
    Real128 result = new Real128();
    int excess = value.bitLength() - 128;
    BigInteger bits = value.shiftRight(excess);
    result.high = bits.shiftRight(64).longValue();
    result.low = bits.longValue();
    result.exponent = scale + value.bitLength() - 1;
    return result;
  }

  void set(Real128 from) {
    sign = from.sign;
    exponent = from.exponent;
    high = from.high;
    low = from.low;
  }

  /** Takes a finite operand. */
  void set(Operand from) {
    sign = from.sign;
    exponent = from.exponent;
    high = from.significand;
    low = 0;
  }

  /** Takes an integer. */
  void set(long value) {
    sign = value < 0 ? 1 : 0;
    high = 0;
    low = Math.abs(value);
    exponent = 127;
    normalise();
  }

  /** Takes (high:low) × 2^scale, unsigned. */
  void set(long bitsHigh, long bitsLow, int scale) {
    sign = 0;
    high = bitsHigh;
    low = bitsLow;
    exponent = scale + 127;
    normalise();
  }

  boolean isZero() {
    return high == 0;
  }

  /** this × y. */
  void multiply(Real128 y) {
    if (isZero() || y.isZero()) {
      high = 0;
      low = 0;
      return;
    }
    long top = Math.unsignedMultiplyHigh(high, y.high);
    long middle = high * y.high;
    long sum = middle + Math.unsignedMultiplyHigh(high, y.low);
    top += Long.compareUnsigned(sum, middle) < 0 ? 1 : 0;
    long both = sum + Math.unsignedMultiplyHigh(low, y.high);
    top += Long.compareUnsigned(both, sum) < 0 ? 1 : 0;
    sign ^= y.sign;
    exponent += y.exponent + 1;
    high = top;
    low = both;
    if (high >= 0) {
      high = high << 1 | low >>> 63;
      low <<= 1;
      exponent--;
    }
  }

  /** this / y, y not zero: 128 steps of long division. */
  void divide(Real128 y) {
    if (isZero()) {
      return;
    }
    sign ^= y.sign;
    exponent -= y.exponent;
    long restHigh = high;
    long restLow = low;
    if (Unsigned128.less(restHigh, restLow, y.high, y.low)) {
      exponent--;
      restHigh = restHigh << 1 | restLow >>> 63;
      restLow <<= 1;
      // The bit shifted out is taken back by the first subtraction.
    }
    long quotientHigh = 0;
    long quotientLow = 0;
    boolean carry = true;
    for (int i = 0; i < 128; i++) {
      quotientHigh = quotientHigh << 1 | quotientLow >>> 63;
      quotientLow <<= 1;
      if (carry || !Unsigned128.less(restHigh, restLow, y.high, y.low)) {
        restHigh -= y.high + (Long.compareUnsigned(restLow, y.low) < 0 ? 1 : 0);
        restLow -= y.low;
        quotientLow |= 1;
      }
      carry = restHigh < 0;
      restHigh = restHigh << 1 | restLow >>> 63;
      restLow <<= 1;
    }
    high = quotientHigh;
    low = quotientLow;
  }

  /** this + y. */
  void add(Real128 y) {
    if (y.isZero()) {
      return;
    }
    if (isZero()) {
      set(y);
      return;
    }
    int distance = exponent - y.exponent;
    boolean mine = distance > 0 || distance == 0 && !Unsigned128.less(high, low, y.high, y.low);
    long smallHigh = mine ? y.high : high;
    long smallLow = mine ? y.low : low;
    boolean same = sign == y.sign;
    if (!mine) {
      set(y);
    }
    int shift = Math.abs(distance);
    long alignedHigh = shift >= 64 ? 0 : smallHigh >>> shift;
    long alignedLow = low(smallHigh, smallLow, shift);
    if (same) {
      plus(alignedHigh, alignedLow);
    } else {
      long up = loses(smallHigh, smallLow, shift) ? 1 : 0;
      minus(alignedHigh + (alignedLow + up == 0 ? up : 0), alignedLow + up);
    }
  }

  /** this - y. */
  void subtract(Real128 y) {
    sign ^= 1;
    add(y);
    if (high != 0) {
      sign ^= 1;
    }
  }

  private void plus(long yHigh, long yLow) {
    long sumLow = low + yLow;
    long carry = Long.compareUnsigned(sumLow, low) < 0 ? 1 : 0;
    long sumHigh = high + yHigh + carry;
    // The sum of the upper halves overflows just when it loses the top bit both kept clear of.
    boolean overflow = (high & yHigh | (high | yHigh) & ~sumHigh) < 0;
    high = sumHigh;
    low = sumLow;
    if (overflow) {
      low = low >>> 1 | high << 63;
      high = high >>> 1 | Long.MIN_VALUE;
      exponent++;
    }
  }

  private void minus(long yHigh, long yLow) {
    high -= yHigh + (Long.compareUnsigned(low, yLow) < 0 ? 1 : 0);
    low -= yLow;
    normalise();
  }

  private void normalise() {
    if (high == 0) {
      high = low;
      low = 0;
      exponent -= 64;
    }
    int shift = Long.numberOfLeadingZeros(high);
    if (high != 0 && shift != 0) {
      high = high << shift | low >>> 64 - shift;
      low <<= shift;
      exponent -= shift;
    }
  }

  private static long low(long high, long low, int shift) {
    if (shift == 0) {
      return low;
    }
    if (shift < 64) {
      return low >>> shift | high << 64 - shift;
    }
    return shift < 128 ? high >>> shift - 64 : 0;
  }

  private static boolean loses(long high, long low, int shift) {
    if (shift == 0) {
      return false;
    }
    if (shift < 64) {
      return low << 64 - shift != 0;
    }
    if (shift == 64) {
      return low != 0;
    }
    return shift >= 128 || (high << 128 - shift | low) != 0;
  }
}
