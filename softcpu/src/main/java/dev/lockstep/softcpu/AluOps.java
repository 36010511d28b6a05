package dev.lockstep.softcpu;

/** Arithmetic and logic with two operands: the choice of a class for each form, and the forms without a class of their own. */
final class AluOps {
  private AluOps() {}

  /** {@code op r/m, r}: opcodes x0, x1, and 84, 85 for TEST. */
  static Op placeRegister(Insn insn, int kind, int size) {
    Ea ea = insn.ea;
    if (size >= 4) {
      return ea == null
          ? registers(kind, size, insn.rm, insn.reg)
          : memoryRegister(kind, size, ea, insn.reg);
    }
    return general(insn, kind, Place.of(insn, size), Place.register(insn, size, insn.reg));
  }

  /** {@code op r, r/m}: opcodes x2, x3. */
  static Op registerPlace(Insn insn, int kind, int size) {
    Ea ea = insn.ea;
    if (size >= 4) {
      return ea == null
          ? registers(kind, size, insn.reg, insn.rm)
          : registerMemory(kind, size, insn.reg, ea);
    }
    return general(insn, kind, Place.register(insn, size, insn.reg), Place.of(insn, size));
  }

  /** {@code op r/m, imm}: group 1, F6 /0, F7 /0. */
  static Op placeImmediate(Insn insn, int kind, int size) {
    Ea ea = insn.ea;
    if (size >= 4) {
      return ea == null
          ? immediate(kind, size, insn.rm, insn.immediate)
          : memoryImmediate(kind, size, ea, insn.immediate);
    }
    if (kind == Alu.CMP && size == 1) {
      return ea == null
          ? new Cmp8RI(Operand.code8(insn, insn.rm), (int) insn.immediate)
          : new Cmp8MI(ea, (int) insn.immediate);
    }
    return narrowImmediate(kind, Place.of(insn, size), (int) insn.immediate);
  }

  /** {@code op accumulator, imm}: opcodes x4, x5, A8, A9. */
  static Op accumulatorImmediate(Insn insn, int kind, int size) {
    return size >= 4
        ? immediate(kind, size, 0, insn.immediate)
        : narrowImmediate(kind, Place.register(insn, size, 0), (int) insn.immediate);
  }

  private static Op narrowImmediate(int kind, Place place, int imm) {
    return kind == Alu.CMP || kind == Alu.TEST
        ? new CompareImmediate(kind, place, imm)
        : new UpdateImmediate(kind, place, imm);
  }

  private static Op general(Insn insn, int kind, Place to, Place from) {
    if (kind == Alu.TEST && insn.ea == null && to.size == 1) {
      return new Test8RR(Operand.code8(insn, insn.rm), Operand.code8(insn, insn.reg));
    }
    return kind == Alu.CMP || kind == Alu.TEST
        ? new Compare(kind, to, from)
        : new Update(kind, to, from);
  }

  static Op registers(int kind, int size, int d, int s) {
    if (size == 4) {
      if (d == s && (kind == Alu.XOR || kind == Alu.SUB)) {
        return new Zero(d, kind == Alu.SUB);
      }
      return switch (kind) {
        case Alu.ADD -> new AluOps32.AddRR(d, s);
        case Alu.OR -> new AluOps32.OrRR(d, s);
        case Alu.ADC -> new AluOps32.AdcRR(d, s);
        case Alu.SBB -> new AluOps32.SbbRR(d, s);
        case Alu.AND -> new AluOps32.AndRR(d, s);
        case Alu.SUB -> new AluOps32.SubRR(d, s);
        case Alu.XOR -> new AluOps32.XorRR(d, s);
        case Alu.CMP -> new AluOps32.CmpRR(d, s);
        default -> new AluOps32.TestRR(d, s);
      };
    }
    return switch (kind) {
      case Alu.ADD -> new AluOps64.AddRR(d, s);
      case Alu.OR -> new AluOps64.OrRR(d, s);
      case Alu.ADC -> new AluOps64.AdcRR(d, s);
      case Alu.SBB -> new AluOps64.SbbRR(d, s);
      case Alu.AND -> new AluOps64.AndRR(d, s);
      case Alu.SUB -> new AluOps64.SubRR(d, s);
      case Alu.XOR -> new AluOps64.XorRR(d, s);
      case Alu.CMP -> new AluOps64.CmpRR(d, s);
      default -> new AluOps64.TestRR(d, s);
    };
  }

  static Op immediate(int kind, int size, int d, long imm) {
    if (size == 4) {
      return switch (kind) {
        case Alu.ADD -> new AluOps32.AddRI(d, imm);
        case Alu.OR -> new AluOps32.OrRI(d, imm);
        case Alu.ADC -> new AluOps32.AdcRI(d, imm);
        case Alu.SBB -> new AluOps32.SbbRI(d, imm);
        case Alu.AND -> new AluOps32.AndRI(d, imm);
        case Alu.SUB -> new AluOps32.SubRI(d, imm);
        case Alu.XOR -> new AluOps32.XorRI(d, imm);
        case Alu.CMP -> new AluOps32.CmpRI(d, imm);
        default -> new AluOps32.TestRI(d, imm);
      };
    }
    return switch (kind) {
      case Alu.ADD -> new AluOps64.AddRI(d, imm);
      case Alu.OR -> new AluOps64.OrRI(d, imm);
      case Alu.ADC -> new AluOps64.AdcRI(d, imm);
      case Alu.SBB -> new AluOps64.SbbRI(d, imm);
      case Alu.AND -> new AluOps64.AndRI(d, imm);
      case Alu.SUB -> new AluOps64.SubRI(d, imm);
      case Alu.XOR -> new AluOps64.XorRI(d, imm);
      case Alu.CMP -> new AluOps64.CmpRI(d, imm);
      default -> new AluOps64.TestRI(d, imm);
    };
  }

  private static Op registerMemory(int kind, int size, int d, Ea ea) {
    if (size == 4) {
      return switch (kind) {
        case Alu.ADD -> new AluOps32.AddRM(ea, d);
        case Alu.OR -> new AluOps32.OrRM(ea, d);
        case Alu.ADC -> new AluOps32.AdcRM(ea, d);
        case Alu.SBB -> new AluOps32.SbbRM(ea, d);
        case Alu.AND -> new AluOps32.AndRM(ea, d);
        case Alu.SUB -> new AluOps32.SubRM(ea, d);
        case Alu.XOR -> new AluOps32.XorRM(ea, d);
        default -> new AluOps32.CmpRM(ea, d);
      };
    }
    return switch (kind) {
      case Alu.ADD -> new AluOps64.AddRM(ea, d);
      case Alu.OR -> new AluOps64.OrRM(ea, d);
      case Alu.ADC -> new AluOps64.AdcRM(ea, d);
      case Alu.SBB -> new AluOps64.SbbRM(ea, d);
      case Alu.AND -> new AluOps64.AndRM(ea, d);
      case Alu.SUB -> new AluOps64.SubRM(ea, d);
      case Alu.XOR -> new AluOps64.XorRM(ea, d);
      default -> new AluOps64.CmpRM(ea, d);
    };
  }

  private static Op memoryRegister(int kind, int size, Ea ea, int s) {
    if (size == 4) {
      return switch (kind) {
        case Alu.ADD -> new AluOps32.AddMR(ea, s);
        case Alu.OR -> new AluOps32.OrMR(ea, s);
        case Alu.ADC -> new AluOps32.AdcMR(ea, s);
        case Alu.SBB -> new AluOps32.SbbMR(ea, s);
        case Alu.AND -> new AluOps32.AndMR(ea, s);
        case Alu.SUB -> new AluOps32.SubMR(ea, s);
        case Alu.XOR -> new AluOps32.XorMR(ea, s);
        case Alu.CMP -> new AluOps32.CmpMR(ea, s);
        default -> new AluOps32.TestMR(ea, s);
      };
    }
    return switch (kind) {
      case Alu.ADD -> new AluOps64.AddMR(ea, s);
      case Alu.OR -> new AluOps64.OrMR(ea, s);
      case Alu.ADC -> new AluOps64.AdcMR(ea, s);
      case Alu.SBB -> new AluOps64.SbbMR(ea, s);
      case Alu.AND -> new AluOps64.AndMR(ea, s);
      case Alu.SUB -> new AluOps64.SubMR(ea, s);
      case Alu.XOR -> new AluOps64.XorMR(ea, s);
      case Alu.CMP -> new AluOps64.CmpMR(ea, s);
      default -> new AluOps64.TestMR(ea, s);
    };
  }

  private static Op memoryImmediate(int kind, int size, Ea ea, long imm) {
    if (size == 4) {
      return switch (kind) {
        case Alu.ADD -> new AluOps32.AddMI(ea, imm);
        case Alu.OR -> new AluOps32.OrMI(ea, imm);
        case Alu.ADC -> new AluOps32.AdcMI(ea, imm);
        case Alu.SBB -> new AluOps32.SbbMI(ea, imm);
        case Alu.AND -> new AluOps32.AndMI(ea, imm);
        case Alu.SUB -> new AluOps32.SubMI(ea, imm);
        case Alu.XOR -> new AluOps32.XorMI(ea, imm);
        case Alu.CMP -> new AluOps32.CmpMI(ea, imm);
        default -> new AluOps32.TestMI(ea, imm);
      };
    }
    return switch (kind) {
      case Alu.ADD -> new AluOps64.AddMI(ea, imm);
      case Alu.OR -> new AluOps64.OrMI(ea, imm);
      case Alu.ADC -> new AluOps64.AdcMI(ea, imm);
      case Alu.SBB -> new AluOps64.SbbMI(ea, imm);
      case Alu.AND -> new AluOps64.AndMI(ea, imm);
      case Alu.SUB -> new AluOps64.SubMI(ea, imm);
      case Alu.XOR -> new AluOps64.XorMI(ea, imm);
      case Alu.CMP -> new AluOps64.CmpMI(ea, imm);
      default -> new AluOps64.TestMI(ea, imm);
    };
  }

  /** XOR and SUB of a 32-bit register with itself. */
  static final class Zero extends Op {
    final int d;
    private final boolean borrows;

    Zero(int d, boolean borrows) {
      this.d = d;
      this.borrows = borrows;
    }

    @Override
    void exec(Cpu c) {
      c.r[d] = 0;
      c.flagResult = 0;
      c.flagAux = 0;
    }

    @Override
    public String toString() {
      return borrows ? "sub" : "xor";
    }
  }

  static final class Test8RR extends Op {
    final int a;
    final int b;

    Test8RR(int a, int b) {
      this.a = a;
      this.b = b;
    }

    @Override
    void exec(Cpu c) {
      c.flagResult = (byte) (Operand.get8(c, a) & Operand.get8(c, b));
      c.flagAux = 0;
    }
  }

  static final class Cmp8RI extends Op {
    final int a;
    final int imm;

    Cmp8RI(int a, int imm) {
      this.a = a;
      this.imm = imm;
    }

    @Override
    void exec(Cpu c) {
      Alu.cmp8(c, Operand.get8(c, a), imm);
    }
  }

  static final class Cmp8MI extends MemOp {
    final int imm;

    Cmp8MI(Ea ea, int imm) {
      super(ea);
      this.imm = imm;
    }

    @Override
    void exec(Cpu c) {
      Alu.cmp8(c, (int) c.mmu.load8(ea.read(c, 1)), imm);
    }
  }

  /** CMP and TEST of 8 or 16 bits. */
  static final class Compare extends Op {
    private final int kind;
    private final Place a;
    private final Place b;

    Compare(int kind, Place a, Place b) {
      this.kind = kind;
      this.a = a;
      this.b = b;
    }

    @Override
    void exec(Cpu c) {
      int left = (int) a.read(c);
      Alu.applyNarrow(c, kind, a.size, left, (int) b.read(c));
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return a.usesStackSegment() || b.usesStackSegment();
    }
  }

  /** The writing operations of 8 or 16 bits. */
  static final class Update extends Op {
    private final int kind;
    private final Place to;
    private final Place from;

    Update(int kind, Place to, Place from) {
      this.kind = kind;
      this.to = to;
      this.from = from;
    }

    @Override
    void exec(Cpu c) {
      updateNarrow(c, kind, to, (int) from.read(c));
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return to.usesStackSegment() || from.usesStackSegment();
    }
  }

  /** CMP and TEST of 8 or 16 bits with an immediate. */
  static final class CompareImmediate extends PlaceOp {
    private final int kind;
    private final int imm;

    CompareImmediate(int kind, Place place, int imm) {
      super(place);
      this.kind = kind;
      this.imm = imm;
    }

    @Override
    void exec(Cpu c) {
      Alu.applyNarrow(c, kind, place.size, (int) place.read(c), imm);
    }
  }

  /** The writing operations of 8 or 16 bits with an immediate. */
  static final class UpdateImmediate extends PlaceOp {
    private final int kind;
    private final int imm;

    UpdateImmediate(int kind, Place place, int imm) {
      super(place);
      this.kind = kind;
      this.imm = imm;
    }

    @Override
    void exec(Cpu c) {
      updateNarrow(c, kind, place, imm);
    }
  }

  private static void updateNarrow(Cpu c, int kind, Place to, int b) {
    int a = (int) to.readForWrite(c);
    to.write(c, Alu.applyNarrow(c, kind, to.size, a, b));
  }
}
