package dev.lockstep.softcpu;

import dev.lockstep.softcpu.fp.SseUnit;

/** Arithmetic, comparisons and logic on packed and scalar floating-point numbers. */
final class SseArithmeticOps {
  private static final long LOW = 0xffff_ffffL;

  private SseArithmeticOps() {}

  /** One 64-bit lane: a is the destination's, b the source's. Scalar single works on the low 32 bits and keeps a's others. */
  interface Kernel {
    long apply(SseUnit unit, long a, long b);
  }

  /** Both halves. */
  static final class Packed extends VectorOp {
    private final Kernel kernel;

    Packed(Insn insn, Kernel kernel) {
      super(insn);
      this.kernel = kernel;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long[] xmm = c.xmm;
      long low;
      long high;
      Ea operand = ea;
      if (operand == null) {
        low = xmm[rm];
        high = xmm[rm + 1];
      } else {
        long linear = aligned(c, operand, false);
        low = c.mmu.load64(linear);
        high = c.mmu.load64(linear + 8);
      }
      SseUnit unit = c.sse;
      low = kernel.apply(unit, xmm[reg], low);
      high = kernel.apply(unit, xmm[reg + 1], high);
      FpGate.complete(c, unit);
      xmm[reg] = low;
      xmm[reg + 1] = high;
    }
  }

  /** The low double. */
  static final class ScalarDouble extends VectorOp {
    private final Kernel kernel;

    ScalarDouble(Insn insn, Kernel kernel) {
      super(insn);
      this.kernel = kernel;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long value = kernel.apply(c.sse, c.xmm[reg], source64(c));
      FpGate.complete(c, c.sse);
      c.xmm[reg] = value;
    }
  }

  /** The low single. */
  static final class ScalarSingle extends VectorOp {
    private final Kernel kernel;

    ScalarSingle(Insn insn, Kernel kernel) {
      super(insn);
      this.kernel = kernel;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      long old = c.xmm[reg];
      long value = kernel.apply(c.sse, old, source32(c));
      FpGate.complete(c, c.sse);
      c.xmm[reg] = old & ~LOW | value & LOW;
    }
  }

  /** COMISS, COMISD, UCOMISS, UCOMISD: ZF PF CF, the others cleared. */
  static final class Compare extends VectorOp {
    private final boolean wide;
    private final boolean quiet;

    Compare(Insn insn) {
      super(insn);
      this.wide = insn.prefix66;
      this.quiet = insn.opcode == 0x12e;
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      SseUnit unit = c.sse;
      int flags;
      if (wide) {
        long b = source64(c);
        long a = c.xmm[reg];
        flags = quiet ? unit.f64.ucomi(a, b) : unit.f64.comi(a, b);
      } else {
        int b = (int) source32(c);
        int a = (int) c.xmm[reg];
        flags = quiet ? unit.f32.ucomi(a, b) : unit.f32.comi(a, b);
      }
      FpGate.complete(c, unit);
      Flags.setArithmetic(c, flags);
    }
  }

  /** The kernel of an arithmetic opcode in 0F 51..5F, or null; kind: 0 PS, 0x66 PD, 0xf3 SS, 0xf2 SD. */
  static Kernel kernel(int opcode, int kind) {
    return switch (kind) {
      case 0 -> packedSingle(opcode);
      case 0xf3 -> single(opcode);
      default -> wide(opcode);
    };
  }

  private static Kernel packedSingle(int opcode) {
    return switch (opcode) {
      case 0x151 -> (u, a, b) -> u.f32.sqrtPair(b);
      case 0x152 -> (u, a, b) -> u.f32.rsqrtPair(b);
      case 0x153 -> (u, a, b) -> u.f32.rcpPair(b);
      case 0x158 -> (u, a, b) -> u.f32.addPair(a, b);
      case 0x159 -> (u, a, b) -> u.f32.mulPair(a, b);
      case 0x15c -> (u, a, b) -> u.f32.subPair(a, b);
      case 0x15d -> (u, a, b) -> u.f32.minPair(a, b);
      case 0x15e -> (u, a, b) -> u.f32.divPair(a, b);
      case 0x15f -> (u, a, b) -> u.f32.maxPair(a, b);
      default -> throw new IllegalStateException("no packed kernel for %#x".formatted(opcode));
    };
  }

  private static Kernel single(int opcode) {
    return switch (opcode) {
      case 0x151 -> (u, a, b) -> u.f32.sqrt((int) b);
      case 0x152 -> (u, a, b) -> u.f32.rsqrt((int) b);
      case 0x153 -> (u, a, b) -> u.f32.rcp((int) b);
      case 0x158 -> (u, a, b) -> u.f32.add((int) a, (int) b);
      case 0x159 -> (u, a, b) -> u.f32.mul((int) a, (int) b);
      case 0x15c -> (u, a, b) -> u.f32.sub((int) a, (int) b);
      case 0x15d -> (u, a, b) -> u.f32.min((int) a, (int) b);
      case 0x15e -> (u, a, b) -> u.f32.div((int) a, (int) b);
      case 0x15f -> (u, a, b) -> u.f32.max((int) a, (int) b);
      default -> throw new IllegalStateException("no scalar kernel for %#x".formatted(opcode));
    };
  }

  private static Kernel wide(int opcode) {
    return switch (opcode) {
      case 0x151 -> (u, a, b) -> u.f64.sqrt(b);
      case 0x158 -> (u, a, b) -> u.f64.add(a, b);
      case 0x159 -> (u, a, b) -> u.f64.mul(a, b);
      case 0x15c -> (u, a, b) -> u.f64.sub(a, b);
      case 0x15d -> (u, a, b) -> u.f64.min(a, b);
      case 0x15e -> (u, a, b) -> u.f64.div(a, b);
      case 0x15f -> (u, a, b) -> u.f64.max(a, b);
      default -> throw new IllegalStateException("no double kernel for %#x".formatted(opcode));
    };
  }

  /** CMPPS, CMPPD, CMPSS, CMPSD with a predicate 0..7. */
  static Op compareMask(Insn insn, int kind) {
    int predicate = (int) insn.immediate & 7;
    return switch (kind) {
      case 0 -> new Packed(insn, (u, a, b) -> u.f32.cmpPair(predicate, a, b));
      case 0x66 -> new Packed(insn, (u, a, b) -> u.f64.cmp(predicate, a, b));
      case 0xf3 -> new ScalarSingle(insn, (u, a, b) -> u.f32.cmp(predicate, (int) a, (int) b));
      default -> new ScalarDouble(insn, (u, a, b) -> u.f64.cmp(predicate, a, b));
    };
  }

  /** An arithmetic opcode, 0F 51..5F but the conversions and the logic. */
  static Op arithmetic(Insn insn, int kind) {
    Kernel kernel = kernel(insn.opcode, kind);
    return switch (kind) {
      case 0, 0x66 -> new Packed(insn, kernel);
      case 0xf3 -> new ScalarSingle(insn, kernel);
      default -> new ScalarDouble(insn, kernel);
    };
  }
}
