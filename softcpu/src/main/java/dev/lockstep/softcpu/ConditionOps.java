package dev.lockstep.softcpu;

/** SETcc and CMOVcc, and the exchanges: XCHG, XADD, CMPXCHG, CMPXCHG8B, BSWAP. */
final class ConditionOps {
  private static final long LOW32 = 0xffff_ffffL;

  private ConditionOps() {}

  /** SETcc: 0F 90..9F. */
  static final class SetCondition extends PlaceOp {
    private final int cc;

    SetCondition(Place place, int cc) {
      super(place);
      this.cc = cc;
    }

    @Override
    void exec(Cpu c) {
      place.write(c, Flags.condition(c, cc) ? 1 : 0);
    }
  }

  /** CMOVcc from a register, 32 or 64 bits; the 32-bit form clears the upper half also when the condition is false (Intel SDM vol. 2A, CMOVcc). */
  static final class MoveRegister extends Op {
    private final int cc;
    private final int d;
    private final int s;
    private final long mask;

    MoveRegister(int cc, int d, int s, long mask) {
      this.cc = cc;
      this.d = d;
      this.s = s;
      this.mask = mask;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[Flags.condition(c, cc) ? s : d] & mask;
    }
  }

  /** CMOVcc of any kind: the source is always read. */
  static final class Move extends PlaceOp {
    private final int cc;
    private final int d;

    Move(int cc, int d, Place from) {
      super(from);
      this.cc = cc;
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      long value = place.read(c);
      if (Flags.condition(c, cc)) {
        Operand.set(c, place.size, d, value);
      } else if (place.size == 4) {
        c.r[d] &= LOW32;
      }
    }
  }

  static Op move(Insn insn, int cc) {
    return insn.ea == null && insn.operandSize != 2
        ? new MoveRegister(cc, insn.reg, insn.rm, insn.operandMask())
        : new Move(cc, insn.reg, Place.of(insn, insn.operandSize));
  }

  /** XCHG: 86, 87, 90..97. */
  static final class Exchange extends PlaceOp {
    private final int register;

    Exchange(Place place, int register) {
      super(place);
      this.register = register;
    }

    @Override
    void exec(Cpu c) {
      int size = place.size;
      long theirs = place.readForWrite(c);
      long ours = Operand.get(c, size, register);
      place.write(c, ours);
      Operand.set(c, size, register, theirs);
    }
  }

  /** XADD: 0F C0, C1. */
  static final class ExchangeAdd extends PlaceOp {
    private final int register;

    ExchangeAdd(Place place, int register) {
      super(place);
      this.register = register;
    }

    @Override
    void exec(Cpu c) {
      int size = place.size;
      long old = place.readForWrite(c);
      long sum = Alu.apply(c, Alu.ADD, size, old, Operand.get(c, size, register));
      if (place.isRegister()) {
        // The sum wins where both operands are one register.
        Operand.set(c, size, register, old);
        place.write(c, sum);
      } else {
        place.write(c, sum);
        Operand.set(c, size, register, old);
      }
    }
  }

  /** CMPXCHG: 0F B0, B1. The destination is written in either case (Intel SDM vol. 2A, CMPXCHG). */
  static final class CompareExchange extends PlaceOp {
    private final int register;

    CompareExchange(Place place, int register) {
      super(place);
      this.register = register;
    }

    @Override
    void exec(Cpu c) {
      int size = place.size;
      long old = place.readForWrite(c);
      long accumulator = Operand.get(c, size, 0);
      Alu.apply(c, Alu.CMP, size, accumulator, old);
      if (accumulator == old) {
        place.write(c, Operand.get(c, size, register));
      } else {
        if (!place.isRegister()) {
          place.write(c, old);
        }
        Operand.set(c, size, 0, old);
      }
    }
  }

  /** CMPXCHG8B: 0F C7 /1. */
  static final class CompareExchange8B extends MemOp {
    CompareExchange8B(Ea ea) {
      super(ea);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      long at = ea.write(c, 8);
      long old = c.mmu.loadForWrite64(at);
      long expected = r[2] << 32 | r[0] & LOW32;
      boolean equal = old == expected;
      c.mmu.store64(at, equal ? r[1] << 32 | r[3] & LOW32 : old);
      int flags = Flags.arithmetic(c) & ~Flags.ZF;
      if (!equal) {
        r[0] = old & LOW32;
        r[2] = old >>> 32;
      }
      Flags.setArithmetic(c, equal ? flags | Flags.ZF : flags);
    }
  }

  /** BSWAP: 0F C8..CF. Of a 16-bit register, undefined by the manual: processors clear it. */
  static final class ByteSwap extends Op {
    private final int d;
    private final int size;

    ByteSwap(int d, int size) {
      this.d = d;
      this.size = size;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      switch (size) {
        case 2 -> Operand.set16(c, d, 0);
        case 4 -> r[d] = Integer.reverseBytes((int) r[d]) & LOW32;
        default -> r[d] = Long.reverseBytes(r[d]);
      }
    }
  }
}
