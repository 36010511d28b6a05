package dev.lockstep.softcpu.fp;

import dev.lockstep.softcpu.fp.Operand.Kind;

/**
 * Arithmetic on the 80-bit extended format by the rules of the x87 (Intel SDM vol. 1 chapters 4.8 and 8). Each operation takes unpacked operands and leaves its result in {@link #signExponent},
 * {@link #significand}, {@link #flags} and {@link #roundedUp}.
 *
 * <p>The result is the one that the masks of the control word ask for: the masked response, or for an unmasked overflow or underflow the result with its exponent moved by 24576 (SDM 8.5.4, 8.5.5).
 * Whether it may be stored is for the caller to decide by {@link #isBlocked}.
 */
final class F80 {
  /** Sign and exponent of the real indefinite, a quiet NaN. */
  static final int INDEFINITE_SE = 0xffff;

  /** Significand of the real indefinite. */
  static final long INDEFINITE = 0xc000000000000000L;

  static final long INTEGER_BIT = 1L << 63;
  private static final long QUIET_BIT = 1L << 62;
  private static final int TOP_EXPONENT = 0x7fff;
  private static final int BIAS = 16383;
  private static final int TRAP_BIAS = 24576;
  private static final int EXTENDED_PRECISION = 64;
  private static final int OPERAND_EXCEPTIONS = X87State.IE | X87State.DE | X87State.ZE;

  final Operand a = new Operand();
  final Operand b = new Operand();
  final Wide wide = new Wide();

  private int control;

  /** Exception flags of the operation in progress, as in the status word. */
  int flags;

  /** The result's magnitude was rounded up: C1. */
  boolean roundedUp;

  /** Result: sign and biased exponent. */
  int signExponent;

  /** Result: 64-bit significand. */
  long significand;

  /** Starts an operation under this control word. */
  void begin(int controlWord) {
    control = controlWord;
    flags = 0;
    roundedUp = false;
  }

  /**
   * Whether an unmasked exception of the operands forbids any result. If so, the flags of the result are dropped: it was never computed.
   */
  boolean isBlocked() {
    if ((flags & ~control & OPERAND_EXCEPTIONS) == 0) {
      return false;
    }
    flags &= OPERAND_EXCEPTIONS;
    return true;
  }

  int rounding() {
    return control >>> 10 & 3;
  }

  boolean isMasked(int exception) {
    return (control & exception) != 0;
  }

  /** a + b, rounded by precision control. */
  void add() {
    if (!unordered()) {
      conclude(Ieee.add(a, b, rounding(), wide));
    }
  }

  /** a - b. The sign is turned after the check for NaNs, whose signs survive. */
  void subtract() {
    if (!unordered()) {
      b.sign ^= 1;
      conclude(Ieee.add(a, b, rounding(), wide));
    }
  }

  /** a × b. */
  void multiply() {
    if (!unordered()) {
      conclude(Ieee.multiply(a, b, wide));
    }
  }

  /** a / b. */
  void divide() {
    if (!unordered()) {
      conclude(Ieee.divide(a, b, wide));
    }
  }

  /** Square root of a. */
  void squareRoot() {
    if (!unorderedSingle()) {
      b.denormal = false;
      conclude(Ieee.squareRoot(a, wide));
    }
  }

  /** An invalid operation or a division by zero comes before a denormal operand (SDM vol. 1 4.9.2). */
  private void conclude(Ieee.Outcome outcome) {
    int sign = wide.sign;
    switch (outcome) {
      case FINITE -> {
        noteDenormals();
        pack(precision());
      }
      case ZERO -> {
        noteDenormals();
        setZero(sign);
      }
      case INFINITY -> {
        noteDenormals();
        setInfinity(sign);
      }
      case DIVISION_BY_ZERO -> {
        flags |= X87State.ZE;
        setInfinity(sign);
      }
      case INVALID -> invalid();
    }
  }

  /** Deals with NaNs and unsupported encodings of a and b; true if the result is set. */
  boolean unordered() {
    if (a.kind == Kind.UNSUPPORTED || b.kind == Kind.UNSUPPORTED) {
      invalid();
      return true;
    }
    if (a.isNan() || b.isNan()) {
      propagateNan();
      return true;
    }
    return false;
  }

  /** As {@link #unordered}, for an operation on a alone. */
  boolean unorderedSingle() {
    if (a.kind == Kind.UNSUPPORTED) {
      invalid();
      return true;
    }
    if (a.isNan()) {
      setNan(a);
      return true;
    }
    return false;
  }

  void noteDenormals() {
    noteDenormal(a);
    noteDenormal(b);
  }

  void noteDenormal(Operand x) {
    if (x.denormal) {
      flags |= X87State.DE;
    }
  }

  /** SDM vol. 1 table 4-7: a quiet NaN before a signalling one, else the larger significand, else the positive one. */
  private void propagateNan() {
    if (a.kind == Kind.SIGNALLING_NAN || b.kind == Kind.SIGNALLING_NAN) {
      flags |= X87State.IE;
    }
    if (!b.isNan() || a.isNan() && a.kind == Kind.QUIET_NAN && b.kind == Kind.SIGNALLING_NAN) {
      setNan(a);
    } else if (!a.isNan() || a.kind == Kind.SIGNALLING_NAN && b.kind == Kind.QUIET_NAN) {
      setNan(b);
    } else {
      int order = Long.compareUnsigned(a.significand, b.significand);
      setNan(order > 0 || order == 0 && a.sign == 0 ? a : b);
    }
  }

  /** A NaN operand's quiet form; a signalling one raises IE. */
  void setNan(Operand nan) {
    if (nan.kind == Kind.SIGNALLING_NAN) {
      flags |= X87State.IE;
    }
    set(nan.sign, TOP_EXPONENT, nan.significand | QUIET_BIT);
  }

  /** IE, and the masked response: the real indefinite. */
  void invalid() {
    flags |= X87State.IE;
    signExponent = INDEFINITE_SE;
    significand = INDEFINITE;
  }

  void setZero(int sign) {
    set(sign, 0, 0);
  }

  void setInfinity(int sign) {
    set(sign, TOP_EXPONENT, INTEGER_BIT);
  }

  void set(int sign, int biased, long bits) {
    signExponent = sign << 15 | biased;
    significand = bits;
  }

  /** The result is a, unpacked from a narrower format. An unmasked DE does not forbid it. */
  void widen() {
    switch (a.kind) {
      case ZERO -> setZero(a.sign);
      case INFINITY -> setInfinity(a.sign);
      case QUIET_NAN, SIGNALLING_NAN -> setNan(a);
      case FINITE -> {
        noteDenormal(a);
        set(a.sign, a.exponent + BIAS, a.significand);
      }
      case UNSUPPORTED ->
          throw new IllegalStateException("unsupported encoding in a format that has none");
    }
  }

  /** Precision control: 24, 53 or 64 bits; the reserved encoding 1 works as 64. */
  private int precision() {
    return switch (control >>> 8 & 3) {
      case 0 -> 24;
      case 2 -> 53;
      default -> EXTENDED_PRECISION;
    };
  }

  /** Rounds {@link #wide} to the full 64 bits, whatever precision control says. */
  void packExtended() {
    pack(EXTENDED_PRECISION);
  }

  /** Rounds the approximation of a value that the format cannot hold: PE in any case. */
  void packInexact(Real128 value) {
    wide.sign = value.sign;
    wide.exponent = value.exponent;
    wide.high = value.high;
    wide.low = value.low | 1;
    packExtended();
  }

  /** Rounds {@link #wide}, non-zero, and deals with overflow and underflow. Tininess is detected after rounding. */
  private void pack(int precision) {
    int exponent = wide.exponent;
    long high = wide.high;
    long low = wide.low;
    wide.round(precision, rounding());
    int biased = wide.exponent + BIAS;
    if (biased >= TOP_EXPONENT) {
      overflow(precision);
    } else if (biased > 0) {
      finish(biased);
    } else if (isMasked(X87State.UE)) {
      wide.exponent = exponent;
      wide.high = high;
      wide.low = low;
      packDenormal(precision);
    } else {
      underflowUnmasked(biased);
    }
  }

  private void packDenormal(int precision) {
    wide.denormalise(1 - BIAS);
    wide.round(precision, rounding());
    if (wide.inexact) {
      flags |= X87State.UE;
    }
    finish(wide.high < 0 ? 1 : 0);
  }

  /** Only FSCALE can leave the range that the moved exponent covers; then the result is the masked one but UE stays unmasked. */
  private void underflowUnmasked(int biased) {
    flags |= X87State.UE;
    if (biased + TRAP_BIAS > 0) {
      finish(biased + TRAP_BIAS);
    } else {
      wide.high = 0;
      wide.inexact = true;
      wide.roundedUp = false;
      finish(0);
    }
  }

  private void overflow(int precision) {
    int sign = wide.sign;
    flags |= X87State.OE;
    int moved = wide.exponent + BIAS - TRAP_BIAS;
    if (!isMasked(X87State.OE) && moved < TOP_EXPONENT) {
      finish(moved);
      return;
    }
    flags |= X87State.PE;
    // A massive overflow, unmasked, is infinite whatever the rounding mode (SDM vol. 1 8.5.4).
    roundedUp = !isMasked(X87State.OE) || overflowsToInfinity(rounding(), sign);
    if (roundedUp) {
      setInfinity(sign);
    } else {
      set(sign, TOP_EXPONENT - 1, -1L << EXTENDED_PRECISION - precision);
    }
  }

  /** Whether a rounding mode takes an overflowing value to infinity rather than to the largest finite value. */
  static boolean overflowsToInfinity(int rounding, int sign) {
    return switch (rounding) {
      case Wide.NEAREST -> true;
      case Wide.DOWN -> sign != 0;
      case Wide.UP -> sign == 0;
      default -> false;
    };
  }

  private void finish(int biased) {
    if (wide.inexact) {
      flags |= X87State.PE;
    }
    roundedUp = wide.roundedUp;
    set(wide.sign, biased, wide.high);
  }
}
