package dev.lockstep.softcpu;

import dev.lockstep.softcpu.fp.PackedShuffles;
import java.util.function.LongBinaryOperator;

/** Packed integers in MMX registers. */
final class MmxOps {
  private MmxOps() {}

  /** destination = f(destination, source). */
  static final class Lane extends VectorOp {
    private final LongBinaryOperator lane;

    Lane(Insn insn, LongBinaryOperator lane) {
      super(insn);
      this.lane = lane;
    }

    @Override
    void exec(Cpu c) {
      FpGate.mmx(c);
      long source = sourceMmx(c);
      writeMmx(c, lane.applyAsLong(destinationMmx(c), source));
    }
  }

  /** PUNPCKLBW, PUNPCKLWD, PUNPCKLDQ: the memory operand has 4 bytes. */
  static final class UnpackLow extends VectorOp {
    private final LongBinaryOperator lane;

    UnpackLow(Insn insn, LongBinaryOperator lane) {
      super(insn);
      this.lane = lane;
    }

    @Override
    void exec(Cpu c) {
      FpGate.mmx(c);
      Ea operand = ea;
      long source = operand == null ? sourceMmx(c) : c.mmu.load32(operand.read(c, 4));
      writeMmx(c, lane.applyAsLong(destinationMmx(c), source & 0xffff_ffffL));
    }
  }

  /** Shifts by an immediate; the r/m operand is the destination. */
  static final class ShiftImmediate extends VectorOp {
    private final LongBinaryOperator lane;
    private final long count;

    ShiftImmediate(Insn insn, LongBinaryOperator lane) {
      super(insn);
      this.lane = lane;
      this.count = insn.immediate & 0xff;
    }

    @Override
    void exec(Cpu c) {
      FpGate.mmx(c);
      long value = lane.applyAsLong(sourceMmx(c), count);
      c.x87.state.enterMmx();
      c.x87.state.setMmx(rm >> 1 & 7, value);
    }
  }

  /** MOVQ and MOVD from memory or, MOVQ, a register. */
  static final class Load extends VectorOp {
    private final int size;

    Load(Insn insn, int size) {
      super(insn);
      this.size = size;
    }

    @Override
    void exec(Cpu c) {
      FpGate.mmx(c);
      Ea operand = ea;
      long value =
          operand != null && size == 4
              ? c.mmu.load32(operand.read(c, 4)) & 0xffff_ffffL
              : sourceMmx(c);
      writeMmx(c, value);
    }
  }

  /** MOVQ, MOVD and MOVNTQ to memory or, MOVQ, a register. */
  static final class Store extends VectorOp {
    private final int size;

    Store(Insn insn, int size) {
      super(insn);
      this.size = size;
    }

    @Override
    void exec(Cpu c) {
      FpGate.mmx(c);
      long value = destinationMmx(c);
      Ea operand = ea;
      if (operand == null) {
        c.x87.state.enterMmx();
        c.x87.state.setMmx(rm >> 1 & 7, value);
        return;
      }
      if (size == 4) {
        c.mmu.store32(operand.write(c, 4), (int) value);
      } else {
        c.mmu.store64(operand.write(c, 8), value);
      }
      c.x87.state.enterMmx();
    }
  }

  /** MOVD, MOVQ from a general register. */
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
      FpGate.mmx(c);
      writeMmx(c, c.r[general] & mask);
    }
  }

  /** MOVD, MOVQ to a general register. */
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
      FpGate.mmx(c);
      c.r[general] = destinationMmx(c) & mask;
      c.x87.state.enterMmx();
    }
  }

  /** PSHUFW. */
  static final class ShuffleWords extends VectorOp {
    private final int order;

    ShuffleWords(Insn insn) {
      super(insn);
      this.order = (int) insn.immediate & 0xff;
    }

    @Override
    void exec(Cpu c) {
      FpGate.mmx(c);
      writeMmx(c, PackedShuffles.shuffleWords(sourceMmx(c), order));
    }
  }

  /** PMOVMSKB. */
  static final class MoveMaskBytes extends VectorOp {
    private final int general;

    MoveMaskBytes(Insn insn) {
      super(insn);
      this.general = insn.reg;
    }

    @Override
    void exec(Cpu c) {
      FpGate.mmx(c);
      c.r[general] = PackedShuffles.moveMaskBytes(sourceMmx(c));
      c.x87.state.enterMmx();
    }
  }

  /** PEXTRW. */
  static final class ExtractWord extends VectorOp {
    private final int general;
    private final int lane;

    ExtractWord(Insn insn) {
      super(insn);
      this.general = insn.reg;
      this.lane = (int) insn.immediate & 3;
    }

    @Override
    void exec(Cpu c) {
      FpGate.mmx(c);
      c.r[general] = PackedShuffles.extractWord(sourceMmx(c), lane);
      c.x87.state.enterMmx();
    }
  }

  /** PINSRW. */
  static final class InsertWord extends VectorOp {
    private final int general;
    private final int lane;

    InsertWord(Insn insn) {
      super(insn);
      this.general = insn.rm;
      this.lane = (int) insn.immediate & 3;
    }

    @Override
    void exec(Cpu c) {
      FpGate.mmx(c);
      Ea operand = ea;
      int value =
          (int) (operand == null ? c.r[general] : c.mmu.load16(operand.read(c, 2))) & 0xffff;
      writeMmx(c, PackedShuffles.insertWord(destinationMmx(c), value, lane));
    }
  }

  /** MASKMOVQ. */
  static final class MaskedStore extends VectorOp {
    private final Ea destination;

    MaskedStore(Insn insn, Ea destination) {
      super(insn);
      this.destination = destination;
    }

    @Override
    void exec(Cpu c) {
      FpGate.mmx(c);
      storeMasked(c, destination, new long[] {destinationMmx(c)}, new long[] {sourceMmx(c)});
      c.x87.state.enterMmx();
    }
  }

  /** EMMS. */
  static final class Emms extends Op {
    @Override
    void exec(Cpu c) {
      FpGate.mmx(c);
      c.x87.state.emms();
    }
  }

  /** Stores the bytes whose mask byte is negative. All of them are checked first; with an empty mask nothing is accessed, and no fault is raised. */
  static void storeMasked(Cpu c, Ea destination, long[] data, long[] mask) {
    int size = 8 * data.length;
    long linear = destination.write(c, size);
    for (int pass = 0; pass < 2; pass++) {
      for (int i = 0; i < size; i++) {
        if ((mask[i >> 3] >>> 8 * (i & 7) & 0x80) == 0) {
          continue;
        }
        if (pass == 0) {
          c.mmu.probeWrite(linear + i, 1);
        } else {
          c.mmu.store8(linear + i, (int) (data[i >> 3] >>> 8 * (i & 7)) & 0xff);
        }
      }
    }
  }
}
