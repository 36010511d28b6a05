package dev.lockstep.softcpu;

/** Moves of XMM registers, whole and in halves. */
final class SseMoveOps {
  private SseMoveOps() {}

  /** MOVAPS, MOVAPD, MOVDQA, MOVUPS, MOVUPD, MOVDQU between registers. */
  static final class Copy extends VectorOp {
    private final int from;
    private final int to;

    Copy(Insn insn, boolean store) {
      super(insn);
      this.from = store ? reg : rm;
      this.to = store ? rm : reg;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long[] xmm = c.xmm;
      xmm[to] = xmm[from];
      xmm[to + 1] = xmm[from + 1];
    }
  }

  /** MOVAPS and the like from memory. */
  static final class LoadAligned extends VectorOp {
    private final Ea operand;

    LoadAligned(Insn insn) {
      super(insn);
      this.operand = insn.memory();
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long linear = aligned(c, operand, false);
      long low = c.mmu.load64(linear);
      long high = c.mmu.load64(linear + 8);
      c.xmm[reg] = low;
      c.xmm[reg + 1] = high;
    }
  }

  /** MOVUPS and the like from memory. */
  static final class LoadUnaligned extends VectorOp {
    private final Ea operand;

    LoadUnaligned(Insn insn) {
      super(insn);
      this.operand = insn.memory();
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long linear = operand.read(c, 16);
      long low = c.mmu.load64(linear);
      long high = c.mmu.load64(linear + 8);
      c.xmm[reg] = low;
      c.xmm[reg + 1] = high;
    }
  }

  /** MOVAPS and the like to memory, MOVNTPS, MOVNTPD, MOVNTDQ. */
  static final class StoreAligned extends VectorOp {
    private final Ea operand;

    StoreAligned(Insn insn) {
      super(insn);
      this.operand = insn.memory();
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      store128(c, aligned(c, operand, true), c.xmm[reg], c.xmm[reg + 1]);
    }
  }

  /** MOVUPS and the like to memory. */
  static final class StoreUnaligned extends VectorOp {
    private final Ea operand;

    StoreUnaligned(Insn insn) {
      super(insn);
      this.operand = insn.memory();
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      store128(c, operand.write(c, 16), c.xmm[reg], c.xmm[reg + 1]);
    }
  }

  /** MOVSS and MOVSD between registers: the rest of the destination stays. */
  static final class ScalarCopy extends VectorOp {
    private final int from;
    private final int to;
    private final long mask;

    ScalarCopy(Insn insn, boolean store, int size) {
      super(insn);
      this.from = store ? reg : rm;
      this.to = store ? rm : reg;
      this.mask = size == 4 ? 0xffff_ffffL : -1;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      c.xmm[to] = c.xmm[to] & ~mask | c.xmm[from] & mask;
    }
  }

  /** MOVSS, MOVSD, MOVQ and MOVD from memory, MOVQ between registers: the rest of the destination becomes zero. */
  static final class LoadZeroing extends VectorOp {
    final int size;

    LoadZeroing(Insn insn, int size) {
      super(insn);
      this.size = size;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long value = size == 4 ? source32(c) : source64(c);
      c.xmm[reg] = value;
      c.xmm[reg + 1] = 0;
    }
  }

  /** MOVSS, MOVSD, MOVQ, MOVLPS, MOVHPS and MOVD to memory. */
  static final class StorePart extends VectorOp {
    private final Ea operand;
    final int size;
    final int half;

    StorePart(Insn insn, int size, int half) {
      super(insn);
      this.operand = insn.memory();
      this.size = size;
      this.half = half;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long value = c.xmm[reg + half];
      if (size == 4) {
        c.mmu.store32(operand.write(c, 4), (int) value);
      } else {
        c.mmu.store64(operand.write(c, 8), value);
      }
    }
  }

  /** MOVQ xmm, xmm in its store form. */
  static final class CopyLowZeroing extends VectorOp {
    CopyLowZeroing(Insn insn) {
      super(insn);
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      c.xmm[rm] = c.xmm[reg];
      c.xmm[rm + 1] = 0;
    }
  }

  /** MOVLPS, MOVLPD, MOVHPS, MOVHPD from memory, MOVHLPS, MOVLHPS: one half, the other stays. */
  static final class LoadHalf extends VectorOp {
    private final int from;
    private final int to;

    /**
     * @param half which half of the destination
     */
    LoadHalf(Insn insn, int half) {
      super(insn);
      this.to = reg + half;
      this.from = rm + (1 - half);
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      Ea operand = ea;
      c.xmm[to] = operand == null ? c.xmm[from] : c.mmu.load64(operand.read(c, 8));
    }
  }

  /** MOVD and MOVQ from a general register. */
  static final class FromGeneral extends VectorOp {
    private final int general;
    private final long mask;

    FromGeneral(Insn insn, int size) {
      super(insn);
      this.general = insn.rm;
      this.mask = size == 4 ? 0xffff_ffffL : -1;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      c.xmm[reg] = c.r[general] & mask;
      c.xmm[reg + 1] = 0;
    }
  }

  /** MOVD and MOVQ to a general register. */
  static final class ToGeneral extends VectorOp {
    private final int general;
    private final long mask;

    ToGeneral(Insn insn, int size) {
      super(insn);
      this.general = insn.rm;
      this.mask = size == 4 ? 0xffff_ffffL : -1;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      c.r[general] = c.xmm[reg] & mask;
    }
  }

  /** MOVQ2DQ. */
  static final class MmxToXmm extends VectorOp {
    MmxToXmm(Insn insn) {
      super(insn);
    }

    @Override
    void exec(Cpu c) {
      FpGate.sseWithMmx(c);
      long value = sourceMmx(c);
      c.x87.state.enterMmx();
      c.xmm[reg] = value;
      c.xmm[reg + 1] = 0;
    }
  }

  /** MOVDQ2Q. */
  static final class XmmToMmx extends VectorOp {
    XmmToMmx(Insn insn) {
      super(insn);
    }

    @Override
    void exec(Cpu c) {
      FpGate.sseWithMmx(c);
      writeMmx(c, c.xmm[rm]);
    }
  }

  /** MASKMOVDQU: the bytes of the register operand whose mask byte is negative go to [rDI]. */
  static final class MaskedStore extends VectorOp {
    private final Ea destination;

    MaskedStore(Insn insn, Ea destination) {
      super(insn);
      this.destination = destination;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      MmxOps.storeMasked(
          c,
          destination,
          new long[] {c.xmm[reg], c.xmm[reg + 1]},
          new long[] {c.xmm[rm], c.xmm[rm + 1]});
    }
  }
}
