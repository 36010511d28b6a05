package dev.lockstep.softcpu;

/** Group 2 (ROL ROR RCL RCR SHL SHR SAR), SHLD and SHRD. */
final class ShiftOps {
  private static final long LOW32 = 0xffff_ffffL;

  private ShiftOps() {}

  /** Group 2 by a constant: C0, C1, D0, D1. */
  static Op byConstant(Insn insn, int size, int count) {
    int kind = insn.extension == 6 ? Shifts.SHL : insn.extension;
    int n = count & (size == 8 ? 63 : 31);
    if (n == 0) {
      return new ByZero(Place.of(insn, size));
    }
    int d = insn.rm;
    if (insn.ea == null && size == 8) {
      switch (kind) {
        case Shifts.SHL:
          return new Shl64(d, n);
        case Shifts.SHR:
          return new Shr64(d, n);
        case Shifts.SAR:
          return new Sar64(d, n);
        case Shifts.ROL:
          return new Rol64(d, n);
        case Shifts.ROR:
          return new Ror64(d, n);
        default:
          break;
      }
    } else if (insn.ea == null && size == 4) {
      switch (kind) {
        case Shifts.SHL:
          return new Shl32(d, n);
        case Shifts.SHR:
          return new Shr32(d, n);
        case Shifts.SAR:
          return new Sar32(d, n);
        case Shifts.ROL:
          return new Rol32(d, n);
        case Shifts.ROR:
          return new Ror32(d, n);
        default:
          break;
      }
    }
    return new Constant(kind, Place.of(insn, size), n);
  }

  /** Group 2 by CL: D2, D3. */
  static Op byCl(Insn insn, int size) {
    int kind = insn.extension == 6 ? Shifts.SHL : insn.extension;
    return new Variable(kind, Place.of(insn, size));
  }

  /** SHLD, SHRD: 0F A4, A5, AC, AD. */
  static Op doubleShift(Insn insn, boolean left, boolean byCl) {
    Place to = Place.of(insn, insn.operandSize);
    return byCl
        ? new DoubleVariable(to, insn.reg, left)
        : new DoubleConstant(to, insn.reg, left, (int) insn.immediate);
  }

  static final class Shl64 extends Op {
    final int d;
    final int n;

    Shl64(int d, int n) {
      this.d = d;
      this.n = n;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Shifts.shl64(c, r[d], n);
    }
  }

  static final class Shr64 extends Op {
    final int d;
    final int n;

    Shr64(int d, int n) {
      this.d = d;
      this.n = n;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Shifts.shr64(c, r[d], n);
    }
  }

  static final class Sar64 extends Op {
    final int d;
    final int n;

    Sar64(int d, int n) {
      this.d = d;
      this.n = n;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Shifts.sar64(c, r[d], n);
    }
  }

  static final class Rol64 extends Op {
    final int d;
    final int n;

    Rol64(int d, int n) {
      this.d = d;
      this.n = n;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Shifts.rol64(c, r[d], n);
    }
  }

  static final class Ror64 extends Op {
    final int d;
    final int n;

    Ror64(int d, int n) {
      this.d = d;
      this.n = n;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Shifts.ror64(c, r[d], n);
    }
  }

  static final class Shl32 extends Op {
    final int d;
    final int n;

    Shl32(int d, int n) {
      this.d = d;
      this.n = n;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Shifts.shl32(c, (int) r[d], n) & LOW32;
    }
  }

  static final class Shr32 extends Op {
    final int d;
    final int n;

    Shr32(int d, int n) {
      this.d = d;
      this.n = n;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Shifts.shr32(c, (int) r[d], n) & LOW32;
    }
  }

  static final class Sar32 extends Op {
    final int d;
    final int n;

    Sar32(int d, int n) {
      this.d = d;
      this.n = n;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Shifts.sar32(c, (int) r[d], n) & LOW32;
    }
  }

  static final class Rol32 extends Op {
    final int d;
    final int n;

    Rol32(int d, int n) {
      this.d = d;
      this.n = n;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Shifts.rol32(c, (int) r[d], n) & LOW32;
    }
  }

  static final class Ror32 extends Op {
    final int d;
    final int n;

    Ror32(int d, int n) {
      this.d = d;
      this.n = n;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Shifts.ror32(c, (int) r[d], n) & LOW32;
    }
  }

  /** A count that masks to zero: no flag changes; the operand is written back, so a 32-bit register's upper half is cleared. */
  static final class ByZero extends PlaceOp {
    ByZero(Place place) {
      super(place);
    }

    @Override
    void exec(Cpu c) {
      place.write(c, place.readForWrite(c));
    }
  }

  static final class Constant extends PlaceOp {
    private final int kind;
    final int n;

    Constant(int kind, Place place, int n) {
      super(place);
      this.kind = kind;
      this.n = n;
    }

    @Override
    void exec(Cpu c) {
      long value = place.readForWrite(c);
      place.write(c, Shifts.apply(c, kind, place.size, value, n));
    }
  }

  static final class Variable extends PlaceOp {
    private final int kind;
    private final int mask;

    Variable(int kind, Place place) {
      super(place);
      this.kind = kind;
      this.mask = place.size == 8 ? 63 : 31;
    }

    @Override
    void exec(Cpu c) {
      long value = place.readForWrite(c);
      int n = (int) c.r[1] & mask;
      place.write(c, n == 0 ? value : Shifts.apply(c, kind, place.size, value, n));
    }
  }

  static final class DoubleConstant extends PlaceOp {
    private final int source;
    private final boolean left;
    final int n;

    DoubleConstant(Place place, int source, boolean left, int count) {
      super(place);
      this.source = source;
      this.left = left;
      this.n = count & (place.size == 8 ? 63 : 31);
    }

    @Override
    void exec(Cpu c) {
      shiftDouble(c, place, source, left, n);
    }
  }

  static final class DoubleVariable extends PlaceOp {
    private final int source;
    private final boolean left;
    private final int mask;

    DoubleVariable(Place place, int source, boolean left) {
      super(place);
      this.source = source;
      this.left = left;
      this.mask = place.size == 8 ? 63 : 31;
    }

    @Override
    void exec(Cpu c) {
      shiftDouble(c, place, source, left, (int) c.r[1] & mask);
    }
  }

  private static void shiftDouble(Cpu c, Place to, int source, boolean left, int n) {
    long a = to.readForWrite(c);
    long b = Operand.get(c, to.size, source);
    long value = a;
    if (n != 0) {
      value = left ? Shifts.shld(c, to.size, a, b, n) : Shifts.shrd(c, to.size, a, b, n);
    }
    to.write(c, value);
  }
}
