package dev.lockstep.softcpu.fp;

/** An unpacked floating-point operand of any of the three formats. Mutable: each arithmetic unit owns two. */
final class Operand {
  /** What the encoding stands for. */
  enum Kind {
    ZERO,
    FINITE,
    INFINITY,
    QUIET_NAN,
    SIGNALLING_NAN,
    /** An 80-bit encoding that the 387 and later refuse: pseudo-NaN, pseudo-infinity, unnormal. */
    UNSUPPORTED
  }

  private static final long QUIET80 = 1L << 62;
  private static final long INTEGER80 = 1L << 63;

  Kind kind = Kind.ZERO;

  /** 0 or 1. */
  int sign;

  /** Of a finite value: significand/2^63 × 2^exponent. */
  int exponent;

  /** Normalised (bit 63 set) for finite values; for a NaN the payload with bit 63 set, at the top as in the 80-bit format. */
  long significand;

  /** The encoding was a denormal (or pseudo-denormal). */
  boolean denormal;

  boolean isNan() {
    return kind == Kind.QUIET_NAN || kind == Kind.SIGNALLING_NAN;
  }

  /** Unpacks the 80-bit format. A pseudo-denormal counts as the denormal whose value it has. */
  void set80(int signExponent, long bits) {
    int biased = signExponent & 0x7fff;
    sign = signExponent >>> 15 & 1;
    significand = bits;
    denormal = false;
    if (biased == 0) {
      setSmall(bits, -16382);
    } else if (bits >= 0) {
      kind = Kind.UNSUPPORTED;
    } else if (biased == 0x7fff) {
      kind = special(bits);
    } else {
      kind = Kind.FINITE;
      exponent = biased - 16383;
    }
  }

  /** Unpacks binary64. */
  void set64(long bits) {
    set(bits >>> 63, (int) (bits >>> 52) & 0x7ff, 0x7ff, 1023, bits << 11 & ~INTEGER80);
  }

  /** Unpacks binary32. */
  void set32(int bits) {
    set(bits >>> 31, bits >>> 23 & 0xff, 0xff, 127, (bits & 0x7fffffL) << 40);
  }

  /** Unpacks an integer. */
  void setInteger(long value) {
    sign = (int) (value >>> 63);
    denormal = false;
    setSmall(Math.abs(value), 63);
    denormal = false;
  }

  /** DAZ: a denormal becomes a zero of its sign. */
  void flushDenormal() {
    if (denormal) {
      kind = Kind.ZERO;
      denormal = false;
      significand = 0;
    }
  }

  void copy(Operand from) {
    kind = from.kind;
    sign = from.sign;
    exponent = from.exponent;
    significand = from.significand;
    denormal = from.denormal;
  }

  private void set(long signBit, int biased, int top, int bias, long fraction) {
    sign = (int) signBit & 1;
    denormal = false;
    if (biased == 0) {
      setSmall(fraction, 1 - bias);
    } else if (biased == top) {
      significand = fraction | INTEGER80;
      kind = special(significand);
    } else {
      kind = Kind.FINITE;
      exponent = biased - bias;
      significand = fraction | INTEGER80;
    }
  }

  /** bits/2^63 × 2^atExponent, not normalised. */
  private void setSmall(long bits, int atExponent) {
    if (bits == 0) {
      kind = Kind.ZERO;
      significand = 0;
      return;
    }
    int shift = Long.numberOfLeadingZeros(bits);
    kind = Kind.FINITE;
    significand = bits << shift;
    exponent = atExponent - shift;
    denormal = true;
  }

  private static Kind special(long bits) {
    if (bits == INTEGER80) {
      return Kind.INFINITY;
    }
    return (bits & QUIET80) != 0 ? Kind.QUIET_NAN : Kind.SIGNALLING_NAN;
  }
}
