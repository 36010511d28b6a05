package dev.lockstep.softcpu;

/**
 * Register operations whose flags nobody will see: the next operation that sets all flags comes in the same block, and nothing before it reads flags, touches memory or can raise. Only longer blocks
 * contain them; stepping decodes instructions one by one.
 */
final class QuietOps {
  private QuietOps() {}

  static final class Add32RR extends Forms.Registers {
    Add32RR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (r[d] + r[s]) & 0xffff_ffffL;
    }
  }

  static final class Add32RI extends Forms.Immediate {
    Add32RI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (r[d] + imm) & 0xffff_ffffL;
    }
  }

  static final class Sub32RR extends Forms.Registers {
    Sub32RR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (r[d] - r[s]) & 0xffff_ffffL;
    }
  }

  static final class Sub32RI extends Forms.Immediate {
    Sub32RI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (r[d] - imm) & 0xffff_ffffL;
    }
  }

  static final class And32RR extends Forms.Registers {
    And32RR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] & r[s] & 0xffff_ffffL;
    }
  }

  static final class And32RI extends Forms.Immediate {
    And32RI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] & imm & 0xffff_ffffL;
    }
  }

  static final class Or32RR extends Forms.Registers {
    Or32RR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (r[d] | r[s]) & 0xffff_ffffL;
    }
  }

  static final class Or32RI extends Forms.Immediate {
    Or32RI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (r[d] | imm) & 0xffff_ffffL;
    }
  }

  static final class Xor32RR extends Forms.Registers {
    Xor32RR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (r[d] ^ r[s]) & 0xffff_ffffL;
    }
  }

  static final class Xor32RI extends Forms.Immediate {
    Xor32RI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (r[d] ^ imm) & 0xffff_ffffL;
    }
  }

  static final class Shl32 extends Forms.Immediate {
    Shl32(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (r[d] << (int) imm) & 0xffff_ffffL;
    }
  }

  static final class Shr32 extends Forms.Immediate {
    Shr32(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (r[d] & 0xffff_ffffL) >>> (int) imm;
    }
  }

  static final class Sar32 extends Forms.Immediate {
    Sar32(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (int) r[d] >> (int) imm & 0xffff_ffffL;
    }
  }

  static final class Imul32 extends Forms.Registers {
    Imul32(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = (r[d] * r[s]) & 0xffff_ffffL;
    }
  }

  static final class Add64RR extends Forms.Registers {
    Add64RR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] + r[s];
    }
  }

  static final class Add64RI extends Forms.Immediate {
    Add64RI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] + imm;
    }
  }

  static final class Sub64RR extends Forms.Registers {
    Sub64RR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] - r[s];
    }
  }

  static final class Sub64RI extends Forms.Immediate {
    Sub64RI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] - imm;
    }
  }

  static final class And64RR extends Forms.Registers {
    And64RR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] & r[s];
    }
  }

  static final class And64RI extends Forms.Immediate {
    And64RI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] & imm;
    }
  }

  static final class Or64RR extends Forms.Registers {
    Or64RR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] | r[s];
    }
  }

  static final class Or64RI extends Forms.Immediate {
    Or64RI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] | imm;
    }
  }

  static final class Xor64RR extends Forms.Registers {
    Xor64RR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] ^ r[s];
    }
  }

  static final class Xor64RI extends Forms.Immediate {
    Xor64RI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] ^ imm;
    }
  }

  static final class Shl64 extends Forms.Immediate {
    Shl64(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] << (int) imm;
    }
  }

  static final class Shr64 extends Forms.Immediate {
    Shr64(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] >>> (int) imm;
    }
  }

  static final class Sar64 extends Forms.Immediate {
    Sar64(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] >> (int) imm;
    }
  }

  static final class Imul64 extends Forms.Registers {
    Imul64(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = r[d] * r[s];
    }
  }

  /** The quiet twin of an operation, or the operation itself. */
  static Op of(Op loud) {
    return switch (loud) {
      case AluOps32.AddRR op -> new Add32RR(op.d, op.s);
      case AluOps32.AddRI op -> new Add32RI(op.d, op.imm);
      case AluOps32.SubRR op -> new Sub32RR(op.d, op.s);
      case AluOps32.SubRI op -> new Sub32RI(op.d, op.imm);
      case AluOps32.AndRR op -> new And32RR(op.d, op.s);
      case AluOps32.AndRI op -> new And32RI(op.d, op.imm);
      case AluOps32.OrRR op -> new Or32RR(op.d, op.s);
      case AluOps32.OrRI op -> new Or32RI(op.d, op.imm);
      case AluOps32.XorRR op -> new Xor32RR(op.d, op.s);
      case AluOps32.XorRI op -> new Xor32RI(op.d, op.imm);
      case ShiftOps.Shl32 op -> new Shl32(op.d, op.n);
      case ShiftOps.Shr32 op -> new Shr32(op.d, op.n);
      case ShiftOps.Sar32 op -> new Sar32(op.d, op.n);
      case MulDivOps.Imul32RR op -> new Imul32(op.d, op.s);
      case UnaryOps.Inc32 op -> new Add32RI(op.d, 1);
      case UnaryOps.Dec32 op -> new Sub32RI(op.d, 1);
      case AluOps64.AddRR op -> new Add64RR(op.d, op.s);
      case AluOps64.AddRI op -> new Add64RI(op.d, op.imm);
      case AluOps64.SubRR op -> new Sub64RR(op.d, op.s);
      case AluOps64.SubRI op -> new Sub64RI(op.d, op.imm);
      case AluOps64.AndRR op -> new And64RR(op.d, op.s);
      case AluOps64.AndRI op -> new And64RI(op.d, op.imm);
      case AluOps64.OrRR op -> new Or64RR(op.d, op.s);
      case AluOps64.OrRI op -> new Or64RI(op.d, op.imm);
      case AluOps64.XorRR op -> new Xor64RR(op.d, op.s);
      case AluOps64.XorRI op -> new Xor64RI(op.d, op.imm);
      case ShiftOps.Shl64 op -> new Shl64(op.d, op.n);
      case ShiftOps.Shr64 op -> new Shr64(op.d, op.n);
      case ShiftOps.Sar64 op -> new Sar64(op.d, op.n);
      case MulDivOps.Imul64RR op -> new Imul64(op.d, op.s);
      case UnaryOps.Inc64 op -> new Add64RI(op.d, 1);
      case UnaryOps.Dec64 op -> new Sub64RI(op.d, 1);
      case AluOps.Zero op -> new MoveOps.Constant(op.d, 0);
      default -> loud;
    };
  }
}
