package dev.lockstep.softcpu;

import dev.lockstep.softcpu.SseArithmeticOps.Kernel;
import dev.lockstep.softcpu.SseArithmeticOps.Packed;
import dev.lockstep.softcpu.fp.SseConversions;

/** Conversions between integers and the two floating-point formats, in XMM, MMX and general registers. */
final class SseConvertOps {
  private static final long LOW = 0xffff_ffffL;

  private SseConvertOps() {}

  /** One element of 32 bits to one of 64. */
  private interface Widening {
    long apply(SseConversions convert, int value);
  }

  /** One element of 64 bits to one of 32. */
  private interface Narrowing {
    int apply(SseConversions convert, long value);
  }

  /** 0F 5A. */
  static Op betweenFormats(Insn insn, int kind) {
    return switch (kind) {
      case 0 -> new Widen(insn, SseConversions::f32ToF64);
      case 0x66 -> new Narrow(insn, SseConversions::f64ToF32);
      case 0xf3 -> new SingleToDouble(insn);
      default -> new DoubleToSingle(insn);
    };
  }

  /** 0F 5B. */
  static Op packedDwords(Insn insn, int kind) {
    Kernel kernel =
        switch (kind) {
          case 0 ->
              (u, a, b) -> pair(u.convert.i32ToF32((int) b), u.convert.i32ToF32((int) (b >> 32)));
          case 0x66 ->
              (u, a, b) -> pair(u.convert.f32ToI32((int) b), u.convert.f32ToI32((int) (b >> 32)));
          default ->
              (u, a, b) ->
                  pair(
                      u.convert.f32ToI32Truncated((int) b),
                      u.convert.f32ToI32Truncated((int) (b >> 32)));
        };
    return new Packed(insn, kernel);
  }

  /** 0F E6. */
  static Op doublesAndDwords(Insn insn, int kind) {
    return switch (kind) {
      case 0x66 -> new Narrow(insn, SseConversions::f64ToI32Truncated);
      case 0xf3 -> new Widen(insn, SseConversions::i32ToF64);
      default -> new Narrow(insn, SseConversions::f64ToI32);
    };
  }

  /** 0F 2A. */
  static Op fromInteger(Insn insn, int kind) {
    return switch (kind) {
      case 0 -> new MmxToSingles(insn);
      case 0x66 -> new MmxToDoubles(insn);
      default -> new GeneralToScalar(insn, kind == 0xf3);
    };
  }

  /** 0F 2C and 0F 2D. */
  static Op toInteger(Insn insn, int kind) {
    boolean truncate = insn.opcode == 0x12c;
    return switch (kind) {
      case 0 -> new SinglesToMmx(insn, truncate);
      case 0x66 -> new DoublesToMmx(insn, truncate);
      default -> new ScalarToGeneral(insn, kind == 0xf3, truncate);
    };
  }

  private static long pair(int low, int high) {
    return low & LOW | (long) high << 32;
  }

  /** CVTPS2PD, CVTDQ2PD: 64 bits to 128. */
  private static final class Widen extends VectorOp {
    private final Widening element;

    Widen(Insn insn, Widening element) {
      super(insn);
      this.element = element;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long source = source64(c);
      long low = element.apply(c.sse.convert, (int) source);
      long high = element.apply(c.sse.convert, (int) (source >> 32));
      FpGate.complete(c, c.sse);
      c.xmm[reg] = low;
      c.xmm[reg + 1] = high;
    }
  }

  /** CVTPD2PS, CVTPD2DQ, CVTTPD2DQ: 128 bits to 64, the upper half zero. */
  private static final class Narrow extends VectorOp {
    private final Narrowing element;

    Narrow(Insn insn, Narrowing element) {
      super(insn);
      this.element = element;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long low;
      long high;
      Ea operand = ea;
      if (operand == null) {
        low = c.xmm[rm];
        high = c.xmm[rm + 1];
      } else {
        long linear = aligned(c, operand, false);
        low = c.mmu.load64(linear);
        high = c.mmu.load64(linear + 8);
      }
      long value = pair(element.apply(c.sse.convert, low), element.apply(c.sse.convert, high));
      FpGate.complete(c, c.sse);
      c.xmm[reg] = value;
      c.xmm[reg + 1] = 0;
    }
  }

  /** CVTSS2SD. */
  private static final class SingleToDouble extends VectorOp {
    SingleToDouble(Insn insn) {
      super(insn);
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long value = c.sse.convert.f32ToF64((int) source32(c));
      FpGate.complete(c, c.sse);
      c.xmm[reg] = value;
    }
  }

  /** CVTSD2SS. */
  private static final class DoubleToSingle extends VectorOp {
    DoubleToSingle(Insn insn) {
      super(insn);
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      int value = c.sse.convert.f64ToF32(source64(c));
      FpGate.complete(c, c.sse);
      c.xmm[reg] = c.xmm[reg] & ~LOW | value & LOW;
    }
  }

  /** CVTSI2SS, CVTSI2SD from a general register or memory. */
  private static final class GeneralToScalar extends VectorOp {
    private final int general;
    private final boolean quad;
    private final boolean single;

    GeneralToScalar(Insn insn, boolean single) {
      super(insn);
      this.general = insn.rm;
      this.quad = (insn.rex & 8) != 0;
      this.single = single;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long source;
      Ea operand = ea;
      if (operand == null) {
        source = quad ? c.r[general] : (int) c.r[general];
      } else {
        source = quad ? c.mmu.load64(operand.read(c, 8)) : (int) c.mmu.load32(operand.read(c, 4));
      }
      SseConversions convert = c.sse.convert;
      if (single) {
        int value = quad ? convert.i64ToF32(source) : convert.i32ToF32((int) source);
        FpGate.complete(c, c.sse);
        c.xmm[reg] = c.xmm[reg] & ~LOW | value & LOW;
      } else {
        long value = quad ? convert.i64ToF64(source) : convert.i32ToF64((int) source);
        FpGate.complete(c, c.sse);
        c.xmm[reg] = value;
      }
    }
  }

  /** CVT(T)SS2SI, CVT(T)SD2SI to a general register. */
  private static final class ScalarToGeneral extends VectorOp {
    private final int general;
    private final boolean quad;
    private final boolean single;
    private final boolean truncate;

    ScalarToGeneral(Insn insn, boolean single, boolean truncate) {
      super(insn);
      this.general = insn.reg;
      this.quad = (insn.rex & 8) != 0;
      this.single = single;
      this.truncate = truncate;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long value =
          single
              ? fromSingle(c.sse.convert, (int) source32(c))
              : fromDouble(c.sse.convert, source64(c));
      FpGate.complete(c, c.sse);
      c.r[general] = quad ? value : value & LOW;
    }

    private long fromSingle(SseConversions convert, int bits) {
      if (quad) {
        return truncate ? convert.f32ToI64Truncated(bits) : convert.f32ToI64(bits);
      }
      return truncate ? convert.f32ToI32Truncated(bits) : convert.f32ToI32(bits);
    }

    private long fromDouble(SseConversions convert, long bits) {
      if (quad) {
        return truncate ? convert.f64ToI64Truncated(bits) : convert.f64ToI64(bits);
      }
      return truncate ? convert.f64ToI32Truncated(bits) : convert.f64ToI32(bits);
    }
  }

  /** CVTPI2PS: two dwords of MMX or memory to the low half. */
  private static final class MmxToSingles extends VectorOp {
    MmxToSingles(Insn insn) {
      super(insn);
    }

    @Override
    void exec(Cpu c) {
      FpGate.sseWithMmx(c);
      long source = sourceMmx(c);
      long value =
          pair(c.sse.convert.i32ToF32((int) source), c.sse.convert.i32ToF32((int) (source >> 32)));
      FpGate.complete(c, c.sse);
      c.x87.state.enterMmx();
      c.xmm[reg] = value;
    }
  }

  /** CVTPI2PD; with a memory operand the x87 unit is not touched (Intel SDM vol. 2A, CVTPI2PD). */
  private static final class MmxToDoubles extends VectorOp {
    MmxToDoubles(Insn insn) {
      super(insn);
    }

    @Override
    void exec(Cpu c) {
      if (ea == null) {
        FpGate.sseWithMmx(c);
      } else {
        FpGate.sse(c);
      }
      long source = sourceMmx(c);
      if (ea == null) {
        c.x87.state.enterMmx();
      }
      c.xmm[reg] = c.sse.convert.i32ToF64((int) source);
      c.xmm[reg + 1] = c.sse.convert.i32ToF64((int) (source >> 32));
    }
  }

  /** CVT(T)PS2PI. */
  private static final class SinglesToMmx extends VectorOp {
    private final boolean truncate;

    SinglesToMmx(Insn insn, boolean truncate) {
      super(insn);
      this.truncate = truncate;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sseWithMmx(c);
      long source = source64(c);
      SseConversions convert = c.sse.convert;
      int low = (int) source;
      int high = (int) (source >> 32);
      long value =
          truncate
              ? pair(convert.f32ToI32Truncated(low), convert.f32ToI32Truncated(high))
              : pair(convert.f32ToI32(low), convert.f32ToI32(high));
      FpGate.complete(c, c.sse);
      writeMmx(c, value);
    }
  }

  /** CVT(T)PD2PI. */
  private static final class DoublesToMmx extends VectorOp {
    private final boolean truncate;

    DoublesToMmx(Insn insn, boolean truncate) {
      super(insn);
      this.truncate = truncate;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sseWithMmx(c);
      long low;
      long high;
      Ea operand = ea;
      if (operand == null) {
        low = c.xmm[rm];
        high = c.xmm[rm + 1];
      } else {
        long linear = aligned(c, operand, false);
        low = c.mmu.load64(linear);
        high = c.mmu.load64(linear + 8);
      }
      SseConversions convert = c.sse.convert;
      long value =
          truncate
              ? pair(convert.f64ToI32Truncated(low), convert.f64ToI32Truncated(high))
              : pair(convert.f64ToI32(low), convert.f64ToI32(high));
      FpGate.complete(c, c.sse);
      writeMmx(c, value);
    }
  }
}
