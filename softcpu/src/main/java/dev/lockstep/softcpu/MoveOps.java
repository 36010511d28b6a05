package dev.lockstep.softcpu;

/** MOV, MOVNTI and LEA. */
final class MoveOps {
  private static final long LOW32 = 0xffff_ffffL;

  private MoveOps() {}

  /** MOV r/m, r: opcodes 88, 89; MOVNTI. */
  static Op placeRegister(Insn insn, int size) {
    Ea ea = insn.ea;
    if (ea == null) {
      return registers(insn, size, insn.rm, insn.reg);
    }
    return switch (size) {
      case 1 -> new Store8(ea, Operand.code8(insn, insn.reg));
      case 2 -> new Store16(ea, insn.reg);
      case 4 -> new Store32(ea, insn.reg);
      default -> new Store64(ea, insn.reg);
    };
  }

  /** MOV r, r/m: opcodes 8A, 8B. */
  static Op registerPlace(Insn insn, int size) {
    Ea ea = insn.ea;
    if (ea == null) {
      return registers(insn, size, insn.reg, insn.rm);
    }
    return load(ea, size, Operand.code(insn, size, insn.reg));
  }

  /** A load into a register of that code. */
  static Op load(Ea ea, int size, int code) {
    return switch (size) {
      case 1 -> new Load8(ea, code);
      case 2 -> new Load16(ea, code);
      case 4 -> new Load32(ea, code);
      default -> new Load64(ea, code);
    };
  }

  /** MOV to memory of the accumulator: A2, A3. */
  static Op storeAccumulator(Ea ea, int size) {
    return switch (size) {
      case 1 -> new Store8(ea, 0);
      case 2 -> new Store16(ea, 0);
      case 4 -> new Store32(ea, 0);
      default -> new Store64(ea, 0);
    };
  }

  /** MOV r/m, imm: C6, C7. */
  static Op placeImmediate(Insn insn, int size) {
    Ea ea = insn.ea;
    if (ea != null) {
      return switch (size) {
        case 1 -> new Store8I(ea, insn.immediate);
        case 2 -> new Store16I(ea, insn.immediate);
        case 4 -> new Store32I(ea, insn.immediate);
        default -> new Store64I(ea, insn.immediate);
      };
    }
    return constant(insn, size, insn.rm);
  }

  /** MOV r, imm: B0..BF, C6, C7. */
  static Op constant(Insn insn, int size, int register) {
    return switch (size) {
      case 1, 2 -> new NarrowConstant(size, Operand.code(insn, size, register), insn.immediate);
      case 4 -> new Constant(register, insn.immediate & LOW32);
      default -> new Constant(register, insn.immediate);
    };
  }

  private static Op registers(Insn insn, int size, int d, int s) {
    return switch (size) {
      case 1 -> new Move8(Operand.code8(insn, d), Operand.code8(insn, s));
      case 2 -> new Move16(d, s);
      case 4 -> new Move32(d, s);
      default -> new Move64(d, s);
    };
  }

  /** LEA: 8D. */
  static Op lea(Insn insn) {
    Ea ea = insn.memory();
    return switch (insn.operandSize) {
      case 2 -> new Lea16(ea, insn.reg);
      case 4 -> new Lea32(ea, insn.reg);
      default -> new Lea64(ea, insn.reg);
    };
  }

  static final class Move64 extends Op {
    private final int d;
    private final int s;

    Move64(int d, int s) {
      this.d = d;
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[s];
    }
  }

  static final class Move32 extends Op {
    private final int d;
    private final int s;

    Move32(int d, int s) {
      this.d = d;
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[s] & LOW32;
    }
  }

  static final class Move16 extends Op {
    private final int d;
    private final int s;

    Move16(int d, int s) {
      this.d = d;
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      Operand.set16(c, d, c.r[s]);
    }
  }

  static final class Move8 extends Op {
    private final int d;
    private final int s;

    Move8(int d, int s) {
      this.d = d;
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      Operand.set8(c, d, Operand.get8(c, s));
    }
  }

  static final class Constant extends Op {
    private final int d;
    private final long value;

    Constant(int d, long value) {
      this.d = d;
      this.value = value;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = value;
    }
  }

  static final class NarrowConstant extends Op {
    private final int size;
    private final int d;
    private final long value;

    NarrowConstant(int size, int d, long value) {
      this.size = size;
      this.d = d;
      this.value = value;
    }

    @Override
    void exec(Cpu c) {
      Operand.set(c, size, d, value);
    }
  }

  static final class Load64 extends MemOp {
    private final int d;

    Load64(Ea ea, int d) {
      super(ea);
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = c.mmu.load64(ea.read(c, 8));
    }
  }

  static final class Load32 extends MemOp {
    private final int d;

    Load32(Ea ea, int d) {
      super(ea);
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = c.mmu.load32(ea.read(c, 4));
    }
  }

  static final class Load16 extends MemOp {
    private final int d;

    Load16(Ea ea, int d) {
      super(ea);
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      Operand.set16(c, d, c.mmu.load16(ea.read(c, 2)));
    }
  }

  static final class Load8 extends MemOp {
    private final int d;

    Load8(Ea ea, int d) {
      super(ea);
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      Operand.set8(c, d, c.mmu.load8(ea.read(c, 1)));
    }
  }

  static final class Store64 extends MemOp {
    private final int s;

    Store64(Ea ea, int s) {
      super(ea);
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      c.mmu.store64(ea.write(c, 8), c.r[s]);
    }
  }

  static final class Store32 extends MemOp {
    private final int s;

    Store32(Ea ea, int s) {
      super(ea);
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      c.mmu.store32(ea.write(c, 4), c.r[s]);
    }
  }

  static final class Store16 extends MemOp {
    private final int s;

    Store16(Ea ea, int s) {
      super(ea);
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      c.mmu.store16(ea.write(c, 2), c.r[s]);
    }
  }

  static final class Store8 extends MemOp {
    private final int s;

    Store8(Ea ea, int s) {
      super(ea);
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      c.mmu.store8(ea.write(c, 1), Operand.get8(c, s));
    }
  }

  static final class Store64I extends MemOp {
    private final long value;

    Store64I(Ea ea, long value) {
      super(ea);
      this.value = value;
    }

    @Override
    void exec(Cpu c) {
      c.mmu.store64(ea.write(c, 8), value);
    }
  }

  static final class Store32I extends MemOp {
    private final long value;

    Store32I(Ea ea, long value) {
      super(ea);
      this.value = value;
    }

    @Override
    void exec(Cpu c) {
      c.mmu.store32(ea.write(c, 4), value);
    }
  }

  static final class Store16I extends MemOp {
    private final long value;

    Store16I(Ea ea, long value) {
      super(ea);
      this.value = value;
    }

    @Override
    void exec(Cpu c) {
      c.mmu.store16(ea.write(c, 2), value);
    }
  }

  static final class Store8I extends MemOp {
    private final long value;

    Store8I(Ea ea, long value) {
      super(ea);
      this.value = value;
    }

    @Override
    void exec(Cpu c) {
      c.mmu.store8(ea.write(c, 1), value);
    }
  }

  static final class Lea64 extends Op {
    private final Ea ea;
    private final int d;

    Lea64(Ea ea, int d) {
      this.ea = ea;
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = ea.offset(c);
    }
  }

  static final class Lea32 extends Op {
    private final Ea ea;
    private final int d;

    Lea32(Ea ea, int d) {
      this.ea = ea;
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = ea.offset(c) & LOW32;
    }
  }

  static final class Lea16 extends Op {
    private final Ea ea;
    private final int d;

    Lea16(Ea ea, int d) {
      this.ea = ea;
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      Operand.set16(c, d, ea.offset(c));
    }
  }
}
