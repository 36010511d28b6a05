package dev.lockstep.softcpu.fp;

/**
 * Argument reduction of FSIN, FCOS, FSINCOS and FPTAN: x - n·Pi/2 with the x87's own Pi, the 66-bit constant 0.C90FDAA22168C234C × 2^2 (Intel SDM vol. 1 8.3.8), exactly. All processors do that, and
 * so the functions are those of x·pi/Pi: near multiples of pi they differ from the mathematical ones in all but a few bits.
 */
final class AngleReduction {
  /** Pi/2 × 2^65: an integer of 66 bits. */
  private static final long HALF_PI_HIGH = 3;

  private static final long HALF_PI_LOW = 0x243f6a8885a308d3L;
  private static final int SCALE = -65;

  /** Below 2^-2 nothing is to be reduced. */
  private static final int SMALL_EXPONENT = -2;

  /** Remainder, in [-Pi/4, Pi/4]. */
  final Real128 angle = new Real128();

  /** The quotient modulo 4. */
  int quadrant;

  /** Reduces a finite non-zero operand below 2^63. */
  void reduce(Operand x) {
    quadrant = 0;
    if (x.exponent < SMALL_EXPONENT) {
      angle.set(x);
      return;
    }
    long restHigh = 0;
    long restLow = x.significand;
    // x in units of 2^-65 is significand × 2^(exponent + 2).
    for (int i = 0; i < x.exponent + 2; i++) {
      restHigh = restHigh << 1 | restLow >>> 63;
      restLow <<= 1;
      quadrant <<= 1;
      if (!Unsigned128.less(restHigh, restLow, HALF_PI_HIGH, HALF_PI_LOW)) {
        restHigh -= HALF_PI_HIGH + (Long.compareUnsigned(restLow, HALF_PI_LOW) < 0 ? 1 : 0);
        restLow -= HALF_PI_LOW;
        quadrant |= 1;
      }
    }
    takeNearest(restHigh, restLow);
    if (x.sign != 0) {
      quadrant = -quadrant;
      angle.sign ^= 1;
    }
    quadrant &= 3;
  }

  private void takeNearest(long restHigh, long restLow) {
    long otherLow = HALF_PI_LOW - restLow;
    long otherHigh =
        HALF_PI_HIGH - restHigh - (Long.compareUnsigned(HALF_PI_LOW, restLow) < 0 ? 1 : 0);
    if (Unsigned128.less(otherHigh, otherLow, restHigh, restLow)) {
      angle.set(otherHigh, otherLow, SCALE);
      angle.sign = 1;
      quadrant++;
    } else {
      angle.set(restHigh, restLow, SCALE);
    }
  }
}
