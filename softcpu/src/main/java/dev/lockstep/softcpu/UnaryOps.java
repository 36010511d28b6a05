package dev.lockstep.softcpu;

/** INC, DEC, NEG, NOT; the sign extensions of the accumulator; CLC STC CMC CLD STD LAHF SAHF SALC XLAT; NOP. */
final class UnaryOps {
  private static final long LOW32 = 0xffff_ffffL;

  private UnaryOps() {}

  static Op increment(Insn insn, int size) {
    if (insn.ea == null) {
      return incrementRegister(insn, size, insn.rm);
    }
    return new Increment(Place.of(insn, size));
  }

  static Op incrementRegister(Insn insn, int size, int register) {
    return switch (size) {
      case 4 -> new Inc32(register);
      case 8 -> new Inc64(register);
      default -> new Increment(Place.register(insn, size, register));
    };
  }

  static Op decrement(Insn insn, int size) {
    if (insn.ea == null) {
      return decrementRegister(insn, size, insn.rm);
    }
    return new Decrement(Place.of(insn, size));
  }

  static Op decrementRegister(Insn insn, int size, int register) {
    return switch (size) {
      case 4 -> new Dec32(register);
      case 8 -> new Dec64(register);
      default -> new Decrement(Place.register(insn, size, register));
    };
  }

  /** {@code flagAux} after INC or DEC: CF as before; OF is the sign of {@code overflow}; AF is bit 4 of {@code changed}. */
  private static long aux(long before, long overflow, long changed) {
    long carry = before & Flags.AUX_CF;
    return carry | ((carry ^ overflow) & Flags.AUX_CF) >>> 1 | changed >>> 1 & Flags.AUX_AF;
  }

  static final class Inc32 extends Op {
    final int d;

    Inc32(int d) {
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      int a = (int) r[d];
      int res = a + 1;
      c.flagResult = res;
      c.flagAux = aux(c.flagAux, (long) (~a & res) << 32, a ^ res);
      r[d] = res & LOW32;
    }
  }

  static final class Inc64 extends Op {
    final int d;

    Inc64(int d) {
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      long a = r[d];
      long res = a + 1;
      c.flagResult = res;
      c.flagAux = aux(c.flagAux, ~a & res, a ^ res);
      r[d] = res;
    }
  }

  static final class Dec32 extends Op {
    final int d;

    Dec32(int d) {
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      int a = (int) r[d];
      int res = a - 1;
      c.flagResult = res;
      c.flagAux = aux(c.flagAux, (long) (a & ~res) << 32, a ^ res);
      r[d] = res & LOW32;
    }
  }

  static final class Dec64 extends Op {
    final int d;

    Dec64(int d) {
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      long a = r[d];
      long res = a - 1;
      c.flagResult = res;
      c.flagAux = aux(c.flagAux, a & ~res, a ^ res);
      r[d] = res;
    }
  }

  static final class Increment extends PlaceOp {
    Increment(Place place) {
      super(place);
    }

    @Override
    void exec(Cpu c) {
      place.write(c, Alu.inc(c, place.size, place.readForWrite(c)));
    }
  }

  static final class Decrement extends PlaceOp {
    Decrement(Place place) {
      super(place);
    }

    @Override
    void exec(Cpu c) {
      place.write(c, Alu.dec(c, place.size, place.readForWrite(c)));
    }
  }

  static final class Negate extends PlaceOp {
    Negate(Place place) {
      super(place);
    }

    @Override
    void exec(Cpu c) {
      long value = place.readForWrite(c);
      place.write(c, Alu.apply(c, Alu.SUB, place.size, 0, value));
    }
  }

  static final class Not extends PlaceOp {
    Not(Place place) {
      super(place);
    }

    @Override
    void exec(Cpu c) {
      place.write(c, ~place.readForWrite(c));
    }
  }

  /** CBW, CWDE, CDQE: 98. */
  static final class ExtendAccumulator extends Op {
    private final int size;

    ExtendAccumulator(int size) {
      this.size = size;
    }

    @Override
    void exec(Cpu c) {
      Operand.set(c, size, 0, Operand.signExtend(size / 2, c.r[0]));
    }
  }

  /** CWD, CDQ, CQO: 99. */
  static final class ExtendToPair extends Op {
    private final int size;

    ExtendToPair(int size) {
      this.size = size;
    }

    @Override
    void exec(Cpu c) {
      Operand.set(c, size, 2, Operand.signExtend(size, c.r[0]) >> 63);
    }
  }

  /** CLC, STC. */
  static final class SetCarry extends Op {
    private final boolean carry;

    SetCarry(boolean carry) {
      this.carry = carry;
    }

    @Override
    void exec(Cpu c) {
      Flags.setCarry(c, carry);
    }
  }

  /** CMC. */
  static final class ComplementCarry extends Op {
    @Override
    void exec(Cpu c) {
      c.flagAux ^= Flags.AUX_CF | Flags.AUX_PO;
    }
  }

  /** CLD, STD. */
  static final class SetDirection extends Op {
    private final int direction;

    SetDirection(int direction) {
      this.direction = direction;
    }

    @Override
    void exec(Cpu c) {
      c.direction = direction;
    }
  }

  /** LAHF. */
  static final class LoadAh extends Op {
    @Override
    void exec(Cpu c) {
      Operand.set8(c, Operand.HIGH, Flags.arithmetic(c) & 0xd5 | 2);
    }
  }

  /** SAHF. */
  static final class StoreAh extends Op {
    @Override
    void exec(Cpu c) {
      int overflow = Flags.of(c) ? Flags.OF : 0;
      Flags.setArithmetic(c, Operand.get8(c, Operand.HIGH) & 0xd5 | overflow);
    }
  }

  /** SALC (D6, undocumented by Intel, documented by AMD as reserved): AL all ones where CF is set. */
  static final class SetAlByCarry extends Op {
    @Override
    void exec(Cpu c) {
      Operand.set8(c, 0, Flags.cf(c) ? 0xff : 0);
    }
  }

  /** XLAT: AL from DS:(E/R)BX + AL, the segment replaceable. The operand's index is no register: the sum is made here. */
  static final class Translate extends MemOp {
    Translate(Ea ea) {
      super(ea);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.linearPlus(c, c.r[0] & 0xff, 1, false);
      Operand.set8(c, 0, c.mmu.load8(at));
    }
  }

  /** NOP and the hints that do nothing. */
  static final class Nop extends Op {
    static final Nop NOP = new Nop();

    @Override
    void exec(Cpu c) {}
  }
}
