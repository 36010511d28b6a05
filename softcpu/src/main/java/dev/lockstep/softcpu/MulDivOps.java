package dev.lockstep.softcpu;

/**
 * MUL, IMUL, DIV, IDIV.
 *
 * <p>Undefined flags: the multiplications change CF and OF only (as AMD's processors do), the divisions none.
 */
final class MulDivOps {
  private static final long LOW32 = 0xffff_ffffL;

  private MulDivOps() {}

  /** CF and OF alike; the others stay. */
  static void setOverflow(Cpu c, boolean overflow) {
    c.flagAux = auxOverflow(c.flagAux, overflow);
  }

  /** {@code flagAux} with CF and OF set alike. */
  static long auxOverflow(long before, boolean overflow) {
    long kept = before & ~(Flags.AUX_CF | Flags.AUX_PO);
    return overflow ? kept | Flags.AUX_CF : kept;
  }

  /** MUL r/m: F6 /4, F7 /4. */
  static Op multiply(Insn insn, int size) {
    if (insn.ea == null && size == 8) {
      return new Mul64(insn.rm);
    }
    return new Multiply(Place.of(insn, size), false);
  }

  static final class Mul64 extends Op {
    private final int s;

    Mul64(int s) {
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      long a = r[0];
      long b = r[s];
      long high = Math.unsignedMultiplyHigh(a, b);
      r[0] = a * b;
      r[2] = high;
      setOverflow(c, high != 0);
    }
  }

  /** MUL and IMUL with one operand. */
  static final class Multiply extends PlaceOp {
    private final boolean signed;

    Multiply(Place place, boolean signed) {
      super(place);
      this.signed = signed;
    }

    @Override
    void exec(Cpu c) {
      int size = place.size;
      long b = place.read(c);
      long[] r = c.r;
      if (size == 8) {
        long a = r[0];
        long low = a * b;
        long high = signed ? Math.multiplyHigh(a, b) : Math.unsignedMultiplyHigh(a, b);
        r[0] = low;
        r[2] = high;
        setOverflow(c, signed ? high != low >> 63 : high != 0);
        return;
      }
      long a = Operand.get(c, size, 0);
      if (signed) {
        a = Operand.signExtend(size, a);
        b = Operand.signExtend(size, b);
      }
      long product = a * b;
      int bits = 8 * size;
      long low = product & (1L << bits) - 1;
      switch (size) {
        case 1 -> Operand.set16(c, 0, product);
        case 2 -> {
          Operand.set16(c, 0, product);
          Operand.set16(c, 2, product >>> 16);
        }
        default -> {
          r[0] = low;
          r[2] = product >>> 32;
        }
      }
      setOverflow(c, signed ? Operand.signExtend(size, product) != product : product != low);
    }
  }

  static final class Imul64RR extends Op {
    final int d;
    final int s;

    Imul64RR(int d, int s) {
      this.d = d;
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = imul64(c, r[d], r[s]);
    }
  }

  static final class Imul32RR extends Op {
    final int d;
    final int s;

    Imul32RR(int d, int s) {
      this.d = d;
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      long product = (long) (int) r[d] * (int) r[s];
      r[d] = product & LOW32;
      setOverflow(c, product != (int) product);
    }
  }

  /** IMUL r, r/m: 0F AF. */
  static Op signedMultiply(Insn insn) {
    if (insn.ea == null && insn.operandSize == 8) {
      return new Imul64RR(insn.reg, insn.rm);
    }
    if (insn.ea == null && insn.operandSize == 4) {
      return new Imul32RR(insn.reg, insn.rm);
    }
    return new SignedMultiply(Place.of(insn, insn.operandSize), insn.reg);
  }

  static final class SignedMultiply extends PlaceOp {
    private final int d;

    SignedMultiply(Place from, int d) {
      super(from);
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      long b = place.read(c);
      Operand.set(c, place.size, d, imul(c, place.size, Operand.get(c, place.size, d), b));
    }
  }

  /** IMUL r, r/m, imm: 69, 6B. */
  static final class SignedMultiplyImmediate extends PlaceOp {
    private final int d;
    private final long imm;

    SignedMultiplyImmediate(Place from, int d, long imm) {
      super(from);
      this.d = d;
      this.imm = imm;
    }

    @Override
    void exec(Cpu c) {
      long a = place.read(c);
      Operand.set(c, place.size, d, imul(c, place.size, a, imm));
    }
  }

  private static long imul64(Cpu c, long a, long b) {
    long low = a * b;
    setOverflow(c, Math.multiplyHigh(a, b) != low >> 63);
    return low;
  }

  private static long imul(Cpu c, int size, long a, long b) {
    if (size == 8) {
      return imul64(c, a, b);
    }
    long product = Operand.signExtend(size, a) * Operand.signExtend(size, b);
    setOverflow(c, product != Operand.signExtend(size, product));
    return product;
  }

  /** DIV: F6 /6, F7 /6. */
  static final class Divide extends PlaceOp {
    Divide(Place place) {
      super(place);
    }

    @Override
    void exec(Cpu c) {
      long divisor = place.read(c);
      if (divisor == 0) {
        throw c.fault.raise(GuestFault.DE, 0);
      }
      int size = place.size;
      if (size == 8) {
        divide64(c, divisor);
        return;
      }
      long dividend = dividend(c, size);
      long quotient = Long.divideUnsigned(dividend, divisor);
      if (quotient >>> 8 * size != 0) {
        throw c.fault.raise(GuestFault.DE, 0);
      }
      setQuotient(c, size, quotient, Long.remainderUnsigned(dividend, divisor));
    }
  }

  /** IDIV: F6 /7, F7 /7. */
  static final class SignedDivide extends PlaceOp {
    SignedDivide(Place place) {
      super(place);
    }

    @Override
    void exec(Cpu c) {
      int size = place.size;
      long divisor = Operand.signExtend(size, place.read(c));
      if (divisor == 0) {
        throw c.fault.raise(GuestFault.DE, 0);
      }
      if (size == 8) {
        signedDivide64(c, divisor);
        return;
      }
      long dividend = Operand.signExtend(2 * size, dividend(c, size));
      if (divisor == -1 && dividend == Long.MIN_VALUE) {
        throw c.fault.raise(GuestFault.DE, 0);
      }
      long quotient = dividend / divisor;
      if (Operand.signExtend(size, quotient) != quotient) {
        throw c.fault.raise(GuestFault.DE, 0);
      }
      setQuotient(c, size, quotient, dividend % divisor);
    }
  }

  private static long dividend(Cpu c, int size) {
    long[] r = c.r;
    return switch (size) {
      case 1 -> r[0] & 0xffff;
      case 2 -> (r[2] & 0xffff) << 16 | r[0] & 0xffff;
      default -> r[2] << 32 | r[0] & LOW32;
    };
  }

  private static void setQuotient(Cpu c, int size, long quotient, long remainder) {
    if (size == 1) {
      Operand.set16(c, 0, quotient & 0xff | (remainder & 0xff) << 8);
    } else {
      Operand.set(c, size, 0, quotient);
      Operand.set(c, size, 2, remainder);
    }
  }

  private static void divide64(Cpu c, long divisor) {
    long[] r = c.r;
    long high = r[2];
    long low = r[0];
    if (high == 0) {
      r[0] = Long.divideUnsigned(low, divisor);
      r[2] = Long.remainderUnsigned(low, divisor);
      return;
    }
    if (Long.compareUnsigned(high, divisor) >= 0) {
      throw c.fault.raise(GuestFault.DE, 0);
    }
    long quotient = Wide.divide(high, low, divisor);
    r[0] = quotient;
    r[2] = low - quotient * divisor;
  }

  private static void signedDivide64(Cpu c, long divisor) {
    long[] r = c.r;
    long high = r[2];
    long low = r[0];
    if (high == low >> 63 && !(low == Long.MIN_VALUE && divisor == -1)) {
      r[0] = low / divisor;
      r[2] = low % divisor;
      return;
    }
    boolean negativeDividend = high < 0;
    long absoluteHigh = high;
    long absoluteLow = low;
    if (negativeDividend) {
      absoluteLow = -low;
      absoluteHigh = ~high + (low == 0 ? 1 : 0);
    }
    long absoluteDivisor = Math.abs(divisor);
    if (Long.compareUnsigned(absoluteHigh, absoluteDivisor) >= 0) {
      throw c.fault.raise(GuestFault.DE, 0);
    }
    long quotient = Wide.divide(absoluteHigh, absoluteLow, absoluteDivisor);
    long remainder = absoluteLow - quotient * absoluteDivisor;
    boolean negative = negativeDividend != divisor < 0;
    // A magnitude of 2^63 fits only when negative.
    if (quotient < 0 && !(negative && quotient == Long.MIN_VALUE)) {
      throw c.fault.raise(GuestFault.DE, 0);
    }
    r[0] = negative ? -quotient : quotient;
    r[2] = negativeDividend ? -remainder : remainder;
  }
}
