package dev.lockstep.softcpu.fp;

/**
 * The result of an operation before rounding: (-1)^sign × (high:low)/2^127 × 2^exponent, normalised (bit 63 of {@link #high} set) or zero. Bits below the 128 are jammed into the lowest one, so rounding
 * at 64 bits or fewer sees the exact value's side of every boundary.
 */
final class Wide {
  /** Rounding control, as the x87 control word and MXCSR encode it. */
  static final int NEAREST = 0;

  /** Toward minus infinity. */
  static final int DOWN = 1;

  /** Toward plus infinity. */
  static final int UP = 2;

  /** Toward zero. */
  static final int TRUNCATE = 3;

  private static final int ROOT_BITS = 66;

  int sign;
  int exponent;
  long high;
  long low;

  /** The last rounding lost something. */
  boolean inexact;

  /** The last rounding increased the magnitude. */
  boolean roundedUp;

  void set(Wide from) {
    sign = from.sign;
    exponent = from.exponent;
    high = from.high;
    low = from.low;
  }

  void set(Operand from) {
    sign = from.sign;
    exponent = from.exponent;
    high = from.significand;
    low = 0;
  }

  /** Sum of two non-zero finite values; a zero result has {@code high == 0} and no meaningful sign. */
  void add(Operand a, Operand b) {
    boolean swap =
        a.exponent < b.exponent
            || a.exponent == b.exponent && Long.compareUnsigned(a.significand, b.significand) < 0;
    Operand x = swap ? b : a;
    Operand y = swap ? a : b;
    sign = x.sign;
    exponent = x.exponent;
    high = y.significand;
    low = 0;
    shiftRightJam(x.exponent - y.exponent);
    if (x.sign == y.sign) {
      addTo(x.significand);
    } else {
      subtractFrom(x.significand);
    }
  }

  /** Product of two non-zero finite values. */
  void multiply(Operand a, Operand b) {
    sign = a.sign ^ b.sign;
    exponent = a.exponent + b.exponent + 1;
    high = Math.unsignedMultiplyHigh(a.significand, b.significand);
    low = a.significand * b.significand;
    normalise();
  }

  /** Quotient of two non-zero finite values. */
  void divide(Operand a, Operand b) {
    sign = a.sign ^ b.sign;
    exponent = a.exponent - b.exponent;
    long divisor = b.significand;
    long upper = a.significand;
    long lower = 0;
    if (Long.compareUnsigned(upper, divisor) >= 0) {
      lower = upper << 63;
      upper >>>= 1;
    } else {
      exponent--;
    }
    high = Unsigned128.divide(upper, lower, divisor);
    long remainder = lower - high * divisor;
    low = Unsigned128.divide(remainder, 0, divisor);
    if (low * divisor != 0) {
      low |= 1;
    }
  }

  /** Square root of a positive finite value, bit by bit: 66 bits and what is left. */
  void squareRoot(Operand a) {
    sign = 0;
    exponent = a.exponent >> 1;
    // Radicand in [1, 4) with its binary point after the top two bits of inHigh:inLow.
    long inHigh = (a.exponent & 1) == 0 ? a.significand >>> 1 : a.significand;
    long inLow = (a.exponent & 1) == 0 ? a.significand << 63 : 0;
    long rootHigh = 0;
    long rootLow = 0;
    long restHigh = 0;
    long restLow = 0;
    for (int i = 0; i < ROOT_BITS; i++) {
      restHigh = restHigh << 2 | restLow >>> 62;
      restLow = restLow << 2 | inHigh >>> 62;
      inHigh = inHigh << 2 | inLow >>> 62;
      inLow <<= 2;
      rootHigh = rootHigh << 1 | rootLow >>> 63;
      rootLow <<= 1;
      // Try the digit 1: subtract 2·root + 1, where root is already doubled.
      long tryHigh = rootHigh << 1 | rootLow >>> 63;
      long tryLow = rootLow << 1 | 1;
      if (!Unsigned128.less(restHigh, restLow, tryHigh, tryLow)) {
        restHigh = restHigh - tryHigh - (Long.compareUnsigned(restLow, tryLow) < 0 ? 1 : 0);
        restLow -= tryLow;
        rootLow |= 1;
      }
    }
    high = rootHigh << 62 | rootLow >>> 2;
    low = rootLow << 62 | ((restHigh | restLow) != 0 ? 1 : 0);
  }

  /** Rounds to {@code precision} bits, 1..64, counted from bit 63 of {@link #high}; {@link #low} becomes 0. A carry out of the top moves into the exponent. */
  void round(int precision, int rounding) {
    long restHigh = precision == 64 ? low : high << precision | low >>> 64 - precision;
    long restLow = precision == 64 ? 0 : low << precision;
    inexact = (restHigh | restLow) != 0;
    long unit = 1L << 64 - precision;
    roundedUp = inexact && roundsUp(rounding, restHigh, restLow, (high & unit) != 0);
    high &= -unit;
    low = 0;
    if (roundedUp) {
      high += unit;
      if (high == 0) {
        high = Long.MIN_VALUE;
        exponent++;
      }
    }
  }

  /** Shifts right to make the exponent {@code minimum}, jamming. The result is not normalised. */
  void denormalise(int minimum) {
    shiftRightJam(minimum - exponent);
    exponent = minimum;
  }

  /** Rounds to an integer; the result is in {@link #high}, its magnitude. Only for exponents up to 63. */
  void roundToInteger(int rounding) {
    shiftRightJam(63 - exponent);
    exponent = 63;
    long rest = low;
    inexact = rest != 0;
    roundedUp = inexact && roundsUp(rounding, rest, 0, (high & 1) != 0);
    low = 0;
    if (roundedUp) {
      high++;
    }
  }

  private boolean roundsUp(int rounding, long restHigh, long restLow, boolean odd) {
    return switch (rounding) {
      case NEAREST -> restHigh < 0 && (odd || restHigh != Long.MIN_VALUE || restLow != 0);
      case DOWN -> sign != 0;
      case UP -> sign == 0;
      case TRUNCATE -> false;
      default -> throw new IllegalStateException("rounding control " + rounding);
    };
  }

  void normalise() {
    if (high == 0) {
      high = low;
      low = 0;
      exponent -= 64;
    }
    int shift = Long.numberOfLeadingZeros(high);
    if (shift != 0 && shift != 64) {
      high = high << shift | low >>> 64 - shift;
      low <<= shift;
      exponent -= shift;
    }
  }

  private void shiftRightJam(int distance) {
    if (distance == 0) {
      return;
    }
    if (distance < 64) {
      long lost = low << 64 - distance;
      low = low >>> distance | high << 64 - distance | (lost != 0 ? 1 : 0);
      high >>>= distance;
    } else if (distance < 128) {
      int over = distance - 64;
      long lost = over == 0 ? low : high << 64 - over | low;
      low = high >>> over | (lost != 0 ? 1 : 0);
      high = 0;
    } else {
      low = (high | low) != 0 ? 1 : 0;
      high = 0;
    }
  }

  /** Adds a normalised significand at the top. */
  private void addTo(long significand) {
    high += significand;
    if (Long.compareUnsigned(high, significand) < 0) {
      low = low >>> 1 | low & 1 | high << 63;
      high = high >>> 1 | Long.MIN_VALUE;
      exponent++;
    }
  }

  /** Subtracts from a significand that is not smaller. */
  private void subtractFrom(long significand) {
    high = significand - high - (low != 0 ? 1 : 0);
    low = -low;
    if ((high | low) != 0) {
      normalise();
    }
  }
}
