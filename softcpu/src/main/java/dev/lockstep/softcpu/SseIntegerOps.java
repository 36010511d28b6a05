package dev.lockstep.softcpu;

import dev.lockstep.softcpu.fp.PackedShuffles;
import java.util.function.LongBinaryOperator;

/** Packed integers, logic and shuffles in XMM registers. */
final class SseIntegerOps {
  private SseIntegerOps() {}

  /** An operation with a 128-bit source, register or aligned memory. */
  private abstract static class Source128 extends VectorOp {
    Source128(Insn insn) {
      super(insn);
    }

    @Override
    final void exec(Cpu c) {
      FpGate.sse(c);
      Ea operand = ea;
      if (operand == null) {
        combine(c.xmm, c.xmm[rm], c.xmm[rm + 1]);
      } else {
        long linear = aligned(c, operand, false);
        long low = c.mmu.load64(linear);
        long high = c.mmu.load64(linear + 8);
        combine(c.xmm, low, high);
      }
    }

    /** Combines the destination with a source and writes it. */
    abstract void combine(long[] xmm, long low, long high);
  }

  /** Both halves alike. */
  static final class Lanes extends Source128 {
    private final LongBinaryOperator lane;

    Lanes(Insn insn, LongBinaryOperator lane) {
      super(insn);
      this.lane = lane;
    }

    @Override
    void combine(long[] xmm, long low, long high) {
      xmm[reg] = lane.applyAsLong(xmm[reg], low);
      xmm[reg + 1] = lane.applyAsLong(xmm[reg + 1], high);
    }
  }

  /** PXOR, XORPS, XORPD. */
  static final class Xor extends Source128 {
    Xor(Insn insn) {
      super(insn);
    }

    @Override
    void combine(long[] xmm, long low, long high) {
      xmm[reg] ^= low;
      xmm[reg + 1] ^= high;
    }
  }

  /** Shifts by the low 64 bits of the source. */
  static final class Shift extends Source128 {
    private final LongBinaryOperator lane;

    Shift(Insn insn, LongBinaryOperator lane) {
      super(insn);
      this.lane = lane;
    }

    @Override
    void combine(long[] xmm, long low, long high) {
      xmm[reg] = lane.applyAsLong(xmm[reg], low);
      xmm[reg + 1] = lane.applyAsLong(xmm[reg + 1], low);
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
      FpGate.sse(c);
      c.xmm[rm] = lane.applyAsLong(c.xmm[rm], count);
      c.xmm[rm + 1] = lane.applyAsLong(c.xmm[rm + 1], count);
    }
  }

  /** PSLLDQ, PSRLDQ. */
  static final class ShiftBytes extends VectorOp {
    private final boolean left;
    private final int count;

    ShiftBytes(Insn insn, boolean left) {
      super(insn);
      this.left = left;
      this.count = (int) insn.immediate & 0xff;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long low = c.xmm[rm];
      long high = c.xmm[rm + 1];
      if (left) {
        c.xmm[rm] = PackedShuffles.shiftLeftBytesLow(low, count);
        c.xmm[rm + 1] = PackedShuffles.shiftLeftBytesHigh(low, high, count);
      } else {
        c.xmm[rm] = PackedShuffles.shiftRightBytesLow(low, high, count);
        c.xmm[rm + 1] = PackedShuffles.shiftRightBytesHigh(high, count);
      }
    }
  }

  /** PUNPCKL… and PUNPCKH…, UNPCKLPS, UNPCKHPS: interleaves the low or the high halves. */
  static final class Unpack extends Source128 {
    private final int half;
    private final LongBinaryOperator lower;
    private final LongBinaryOperator upper;

    Unpack(Insn insn, int half, LongBinaryOperator lower, LongBinaryOperator upper) {
      super(insn);
      this.half = half;
      this.lower = lower;
      this.upper = upper;
    }

    @Override
    void combine(long[] xmm, long low, long high) {
      long a = xmm[reg + half];
      long b = half == 0 ? low : high;
      xmm[reg] = lower.applyAsLong(a, b);
      xmm[reg + 1] = upper.applyAsLong(a, b);
    }
  }

  /** PUNPCKLQDQ, PUNPCKHQDQ, UNPCKLPD, UNPCKHPD. */
  static final class UnpackQuads extends Source128 {
    private final int half;

    UnpackQuads(Insn insn, int half) {
      super(insn);
      this.half = half;
    }

    @Override
    void combine(long[] xmm, long low, long high) {
      xmm[reg] = xmm[reg + half];
      xmm[reg + 1] = half == 0 ? low : high;
    }
  }

  /** PACKSSWB, PACKUSWB, PACKSSDW. */
  static final class Pack extends Source128 {
    private final LongBinaryOperator pack;

    Pack(Insn insn, LongBinaryOperator pack) {
      super(insn);
      this.pack = pack;
    }

    @Override
    void combine(long[] xmm, long low, long high) {
      xmm[reg] = pack.applyAsLong(xmm[reg], xmm[reg + 1]);
      xmm[reg + 1] = pack.applyAsLong(low, high);
    }
  }

  /** PSHUFD. */
  static final class ShuffleDwords extends Source128 {
    private final int order;

    ShuffleDwords(Insn insn) {
      super(insn);
      this.order = (int) insn.immediate & 0xff;
    }

    @Override
    void combine(long[] xmm, long low, long high) {
      xmm[reg] = PackedShuffles.selectDwords(low, high, order);
      xmm[reg + 1] = PackedShuffles.selectDwords(low, high, order >>> 4);
    }
  }

  /** PSHUFLW, PSHUFHW: one half shuffled, the other copied. */
  static final class ShuffleWords extends Source128 {
    private final int order;
    private final boolean upper;

    ShuffleWords(Insn insn, boolean upper) {
      super(insn);
      this.order = (int) insn.immediate & 0xff;
      this.upper = upper;
    }

    @Override
    void combine(long[] xmm, long low, long high) {
      xmm[reg] = upper ? low : PackedShuffles.shuffleWords(low, order);
      xmm[reg + 1] = upper ? PackedShuffles.shuffleWords(high, order) : high;
    }
  }

  /** SHUFPS. */
  static final class ShuffleSingles extends Source128 {
    private final int order;

    ShuffleSingles(Insn insn) {
      super(insn);
      this.order = (int) insn.immediate & 0xff;
    }

    @Override
    void combine(long[] xmm, long low, long high) {
      long result = PackedShuffles.selectDwords(xmm[reg], xmm[reg + 1], order);
      xmm[reg + 1] = PackedShuffles.selectDwords(low, high, order >>> 4);
      xmm[reg] = result;
    }
  }

  /** SHUFPD. */
  static final class ShuffleDoubles extends Source128 {
    private final int first;
    private final boolean second;

    ShuffleDoubles(Insn insn) {
      super(insn);
      this.first = (int) insn.immediate & 1;
      this.second = (insn.immediate & 2) != 0;
    }

    @Override
    void combine(long[] xmm, long low, long high) {
      xmm[reg] = xmm[reg + first];
      xmm[reg + 1] = second ? high : low;
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
      FpGate.sse(c);
      c.r[general] =
          PackedShuffles.moveMaskBytes(c.xmm[rm])
              | PackedShuffles.moveMaskBytes(c.xmm[rm + 1]) << 8;
    }
  }

  /** MOVMSKPS, MOVMSKPD. */
  static final class MoveMask extends VectorOp {
    private final int general;
    private final boolean doubles;

    MoveMask(Insn insn, boolean doubles) {
      super(insn);
      this.general = insn.reg;
      this.doubles = doubles;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long low = c.xmm[rm];
      long high = c.xmm[rm + 1];
      c.r[general] =
          doubles
              ? low >>> 63 | high >>> 62 & 2
              : PackedShuffles.moveMaskDwords(low) | PackedShuffles.moveMaskDwords(high) << 2;
    }
  }

  /** PEXTRW to a general register. */
  static final class ExtractWord extends VectorOp {
    private final int general;
    private final int lane;

    ExtractWord(Insn insn) {
      super(insn);
      this.general = insn.reg;
      this.lane = (int) insn.immediate & 7;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      c.r[general] = PackedShuffles.extractWord(c.xmm[rm + (lane >> 2)], lane & 3);
    }
  }

  /** PINSRW from a general register or 16 bits of memory. */
  static final class InsertWord extends VectorOp {
    private final int general;
    private final int lane;

    InsertWord(Insn insn) {
      super(insn);
      this.general = insn.rm;
      this.lane = (int) insn.immediate & 7;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      Ea operand = ea;
      int value =
          (int) (operand == null ? c.r[general] : c.mmu.load16(operand.read(c, 2))) & 0xffff;
      int at = reg + (lane >> 2);
      c.xmm[at] = PackedShuffles.insertWord(c.xmm[at], value, lane & 3);
    }
  }
}
