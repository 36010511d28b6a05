package dev.lockstep.softcpu;

/** MOVZX, MOVSX and MOVSXD. */
final class ExtendOps {
  private ExtendOps() {}

  /** MOVZX: 0F B6, B7. */
  static Op zeroExtend(Insn insn, int from) {
    Ea ea = insn.ea;
    if (insn.operandSize == 2) {
      return new ExtendTo16(insn.reg, Place.of(insn, from), false);
    }
    if (ea == null) {
      return from == 1
          ? new Zero8(insn.reg, Operand.code8(insn, insn.rm))
          : new Zero16(insn.reg, insn.rm);
    }
    return from == 1 ? new LoadZero8(ea, insn.reg) : new LoadZero16(ea, insn.reg);
  }

  /** MOVSX and MOVSXD: 0F BE, BF, 63. */
  static Op signExtend(Insn insn, int from) {
    Ea ea = insn.ea;
    if (insn.operandSize == 2) {
      return new ExtendTo16(insn.reg, Place.of(insn, Math.min(from, 2)), true);
    }
    long mask = insn.operandMask();
    if (ea != null) {
      return switch (from) {
        case 1 -> new LoadSign8(ea, insn.reg, mask);
        case 2 -> new LoadSign16(ea, insn.reg, mask);
        default -> new LoadSign32(ea, insn.reg, mask);
      };
    }
    return switch (from) {
      case 1 -> new Sign8(insn.reg, Operand.code8(insn, insn.rm), mask);
      case 2 -> new Sign16(insn.reg, insn.rm, mask);
      default -> new Sign32(insn.reg, insn.rm, mask);
    };
  }

  static final class Zero8 extends Op {
    private final int d;
    private final int s;

    Zero8(int d, int s) {
      this.d = d;
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = Operand.get8(c, s);
    }
  }

  static final class Zero16 extends Op {
    private final int d;
    private final int s;

    Zero16(int d, int s) {
      this.d = d;
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[s] & 0xffff;
    }
  }

  static final class LoadZero8 extends MemOp {
    private final int d;

    LoadZero8(Ea ea, int d) {
      super(ea);
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = c.mmu.load8(ea.read(c, 1));
    }
  }

  static final class LoadZero16 extends MemOp {
    private final int d;

    LoadZero16(Ea ea, int d) {
      super(ea);
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = c.mmu.load16(ea.read(c, 2));
    }
  }

  static final class Sign8 extends Op {
    private final int d;
    private final int s;
    private final long mask;

    Sign8(int d, int s, long mask) {
      this.d = d;
      this.s = s;
      this.mask = mask;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = (byte) Operand.get8(c, s) & mask;
    }
  }

  static final class Sign16 extends Op {
    private final int d;
    private final int s;
    private final long mask;

    Sign16(int d, int s, long mask) {
      this.d = d;
      this.s = s;
      this.mask = mask;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (short) r[s] & mask;
    }
  }

  static final class Sign32 extends Op {
    private final int d;
    private final int s;
    private final long mask;

    Sign32(int d, int s, long mask) {
      this.d = d;
      this.s = s;
      this.mask = mask;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (int) r[s] & mask;
    }
  }

  static final class LoadSign8 extends MemOp {
    private final int d;
    private final long mask;

    LoadSign8(Ea ea, int d, long mask) {
      super(ea);
      this.d = d;
      this.mask = mask;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = (byte) c.mmu.load8(ea.read(c, 1)) & mask;
    }
  }

  static final class LoadSign16 extends MemOp {
    private final int d;
    private final long mask;

    LoadSign16(Ea ea, int d, long mask) {
      super(ea);
      this.d = d;
      this.mask = mask;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = (short) c.mmu.load16(ea.read(c, 2)) & mask;
    }
  }

  static final class LoadSign32 extends MemOp {
    private final int d;
    private final long mask;

    LoadSign32(Ea ea, int d, long mask) {
      super(ea);
      this.d = d;
      this.mask = mask;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = (int) c.mmu.load32(ea.read(c, 4)) & mask;
    }
  }

  /** MOVZX and MOVSX into 16 bits. */
  static final class ExtendTo16 extends PlaceOp {
    private final int d;
    private final boolean signed;

    ExtendTo16(int d, Place from, boolean signed) {
      super(from);
      this.d = d;
      this.signed = signed;
    }

    @Override
    void exec(Cpu c) {
      long value = place.read(c);
      Operand.set16(c, d, signed ? Operand.signExtend(place.size, value) : value);
    }
  }
}
