package dev.lockstep.softcpu.fp;

import dev.lockstep.softcpu.fp.Operand.Kind;

/**
 * SSE arithmetic in one of its two formats by integer operations, with every rule of MXCSR (Intel SDM vol. 1 11.5): what the fast paths of {@link SseF32} and {@link SseF64} leave over. Values are
 * raw bits, those of binary32 in bits 31..0.
 */
final class SseFloat {
  private static final int CMP_SIGNALLING = 0b0110_0110;

  final Operand a = new Operand();
  final Operand b = new Operand();
  private final Wide wide = new Wide();
  private final SseState state;
  private final int width;
  private final int precision;
  private final int bias;
  private final long quietBit;
  private final long infinity;

  private SseFloat(SseState state, int width, int precision) {
    this.state = state;
    this.width = width;
    this.precision = precision;
    bias = (1 << width - precision - 1) - 1;
    quietBit = 1L << precision - 2;
    infinity = 2L * bias + 1 << precision - 1;
  }

  static SseFloat binary32(SseState state) {
    return new SseFloat(state, 32, 24);
  }

  static SseFloat binary64(SseState state) {
    return new SseFloat(state, 64, 53);
  }

  long add(long x, long y) {
    return load(x, y) ? nan(x, y) : conclude(Ieee.add(a, b, state.rounding(), wide));
  }

  long sub(long x, long y) {
    if (load(x, y)) {
      return nan(x, y);
    }
    b.sign ^= 1;
    return conclude(Ieee.add(a, b, state.rounding(), wide));
  }

  long mul(long x, long y) {
    return load(x, y) ? nan(x, y) : conclude(Ieee.multiply(a, b, wide));
  }

  long div(long x, long y) {
    return load(x, y) ? nan(x, y) : conclude(Ieee.divide(a, b, wide));
  }

  long sqrt(long y) {
    return load(y, 0) ? nan(y, y) : conclude(Ieee.squareRoot(a, wide));
  }

  /** The lesser; the second operand if either is a NaN or both are zeros. */
  long min(long x, long y) {
    return pick(x, y, -1);
  }

  /** The greater; the second operand if either is a NaN or both are zeros. */
  long max(long x, long y) {
    return pick(x, y, 1);
  }

  private long pick(long x, long y, int wanted) {
    if (load(x, y)) {
      state.raised |= SseState.IE;
      return flushed(b, y);
    }
    noteDenormals();
    return Comparison.compare(a, b) == wanted ? flushed(a, x) : flushed(b, y);
  }

  /** x, or under DAZ the zero that a denormal was taken for. */
  private long flushed(Operand operand, long x) {
    return operand.kind == Kind.ZERO ? signBit(operand.sign) : x;
  }

  /** Predicate 0..7 of CMPPS; LT, LE, NLT and NLE signal on quiet NaNs too. */
  boolean cmp(int predicate, long x, long y) {
    boolean unordered = load(x, y);
    if (unordered) {
      noteInvalid((CMP_SIGNALLING >>> predicate & 1) != 0);
    } else {
      noteDenormals();
    }
    int order = unordered ? 2 : Comparison.compare(a, b);
    boolean positive =
        switch (predicate & 3) {
          case 0 -> order == 0;
          case 1 -> order == -1;
          case 2 -> order == -1 || order == 0;
          default -> unordered;
        };
    return positive == (predicate < 4);
  }

  /** COMIS: signals on any NaN. Returns RFLAGS bits. */
  int comi(long x, long y) {
    return relation(x, y, true);
  }

  /** UCOMIS: signals on signalling NaNs only. */
  int ucomi(long x, long y) {
    return relation(x, y, false);
  }

  private int relation(long x, long y, boolean anyNan) {
    if (load(x, y)) {
      noteInvalid(anyNan);
      return X87Compares.ZF | X87Compares.PF | X87Compares.CF;
    }
    noteDenormals();
    int order = Comparison.compare(a, b);
    return order == 0 ? X87Compares.ZF : order < 0 ? X87Compares.CF : 0;
  }

  /** Converts an unpacked {@link #a} of any format into this one; DAZ and NaNs are dealt with. */
  long fromFinite() {
    b.denormal = false;
    wide.set(a);
    return switch (a.kind) {
      case ZERO -> conclude(Ieee.Outcome.ZERO);
      case INFINITY -> conclude(Ieee.Outcome.INFINITY);
      case FINITE -> conclude(Ieee.Outcome.FINITE);
      case QUIET_NAN, SIGNALLING_NAN, UNSUPPORTED ->
          throw new IllegalStateException("conversion of a NaN as a number");
    };
  }

  /** Converts a NaN in {@link #a}: its payload is cut or extended at the right. */
  long fromNan() {
    if (a.kind == Kind.SIGNALLING_NAN) {
      state.raised |= SseState.IE;
    }
    return signBit(a.sign) | infinity | quietBit | a.significand << 1 >>> 65 - precision;
  }

  /** Unpacks, with DAZ; true if either is a NaN. */
  private boolean load(long x, long y) {
    set(a, x);
    set(b, y);
    if ((state.mxcsr & SseState.DAZ) != 0) {
      a.flushDenormal();
      b.flushDenormal();
    }
    return a.isNan() || b.isNan();
  }

  private void set(Operand into, long bits) {
    if (width == 64) {
      into.set64(bits);
    } else {
      into.set32((int) bits);
    }
  }

  /** The first operand's NaN, else the second's, made quiet (SDM vol. 1 table 4-7). */
  private long nan(long x, long y) {
    noteInvalid(false);
    return (a.isNan() ? x : y) | quietBit;
  }

  private void noteInvalid(boolean anyNan) {
    if (anyNan || a.kind == Kind.SIGNALLING_NAN || b.kind == Kind.SIGNALLING_NAN) {
      state.raised |= SseState.IE;
    }
  }

  private void noteDenormals() {
    if (a.denormal || b.denormal) {
      state.raised |= SseState.DE;
    }
  }

  private long conclude(Ieee.Outcome outcome) {
    long sign = signBit(wide.sign);
    return switch (outcome) {
      case FINITE -> {
        noteDenormals();
        yield pack();
      }
      case ZERO -> {
        noteDenormals();
        yield sign;
      }
      case INFINITY -> {
        noteDenormals();
        yield sign | infinity;
      }
      case DIVISION_BY_ZERO -> {
        state.raised |= SseState.ZE;
        yield sign | infinity;
      }
      case INVALID -> {
        state.raised |= SseState.IE;
        // The indefinite: the negative quiet NaN without payload.
        yield signBit(1) | infinity | quietBit;
      }
    };
  }

  /** Rounds {@link #wide}, non-zero. Tininess is detected after rounding. */
  private long pack() {
    int exponent = wide.exponent;
    long high = wide.high;
    long low = wide.low;
    wide.round(precision, state.rounding());
    int biased = wide.exponent + bias;
    if (biased > 2 * bias) {
      return overflow();
    }
    if (biased > 0) {
      return finish(biased);
    }
    if (!state.masked(SseState.UE)) {
      state.raised |= SseState.UE;
      return finish(0);
    }
    if ((state.mxcsr & SseState.FTZ) != 0) {
      state.raised |= SseState.UE | SseState.PE;
      return signBit(wide.sign);
    }
    wide.exponent = exponent;
    wide.high = high;
    wide.low = low;
    wide.denormalise(1 - bias);
    wide.round(precision, state.rounding());
    if (wide.inexact) {
      state.raised |= SseState.UE;
    }
    return finish(wide.high < 0 ? 1 : 0);
  }

  /** With OE unmasked only the flags matter: inexact is then what the rounding lost. */
  private long overflow() {
    state.raised |= SseState.OE;
    if (wide.inexact || state.masked(SseState.OE)) {
      state.raised |= SseState.PE;
    }
    boolean infinite = F80.overflowsToInfinity(state.rounding(), wide.sign);
    return signBit(wide.sign) | (infinite ? infinity : infinity - 1);
  }

  private long finish(int biased) {
    if (wide.inexact) {
      state.raised |= SseState.PE;
    }
    return signBit(wide.sign) | (long) biased << precision - 1 | wide.high << 1 >>> 65 - precision;
  }

  private long signBit(int sign) {
    return (long) sign << width - 1;
  }
}
