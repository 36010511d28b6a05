package dev.lockstep.softcpu.fp;

import dev.lockstep.softcpu.fp.Operand.Kind;

/** Conversions of SSE and SSE2, one element at a time; the packed and MMX forms are the same per element. Flags go to {@link SseState#raised}. Fast paths as in {@link SseF64}. */
public final class SseConversions {
  private static final long EXPONENT64 = 0x7ff0000000000000L;
  private static final int EXPONENT32 = 0x7f800000;

  /** Exponent fields of the first values that the integer types cannot hold. */
  private static final long TWO_TO_31 = 0x41e0000000000000L;

  private static final long TWO_TO_63 = 0x43e0000000000000L;

  private final SseState state;
  private final SseFloat f32;
  private final SseFloat f64;
  private final Operand a = new Operand();
  private final Wide wide = new Wide();

  SseConversions(SseState state) {
    this.state = state;
    this.f32 = SseFloat.binary32(state);
    this.f64 = SseFloat.binary64(state);
  }

  /** CVTSI2SS, CVTDQ2PS, CVTPI2PS. */
  public int i32ToF32(int value) {
    return state.fast() ? Float.floatToRawIntBits(value) : (int) fromInteger(f32, value);
  }

  /** CVTSI2SS with REX.W. */
  public int i64ToF32(long value) {
    return state.fast() ? Float.floatToRawIntBits(value) : (int) fromInteger(f32, value);
  }

  /** CVTSI2SD, CVTDQ2PD, CVTPI2PD: exact. */
  public long i32ToF64(int value) {
    return Double.doubleToRawLongBits(value);
  }

  /** CVTSI2SD with REX.W. */
  public long i64ToF64(long value) {
    return state.fast() ? Double.doubleToRawLongBits(value) : fromInteger(f64, value);
  }

  /** CVTSS2SI, CVTPS2DQ, CVTPS2PI; out of range gives 0x80000000 and IE. */
  public int f32ToI32(int bits) {
    a.set32(bits);
    return (int) toInteger(32, state.rounding());
  }

  /** CVTTSS2SI, CVTTPS2DQ, CVTTPS2PI. */
  public int f32ToI32Truncated(int bits) {
    a.set32(bits);
    return (int) toInteger(32, Wide.TRUNCATE);
  }

  /** CVTSS2SI with REX.W; out of range gives 0x8000000000000000 and IE. */
  public long f32ToI64(int bits) {
    a.set32(bits);
    return toInteger(64, state.rounding());
  }

  /** CVTTSS2SI with REX.W. */
  public long f32ToI64Truncated(int bits) {
    a.set32(bits);
    return toInteger(64, Wide.TRUNCATE);
  }

  /** CVTSD2SI, CVTPD2DQ, CVTPD2PI; out of range gives 0x80000000 and IE. */
  public int f64ToI32(long bits) {
    a.set64(bits);
    return (int) toInteger(32, state.rounding());
  }

  /** CVTTSD2SI, CVTTPD2DQ, CVTTPD2PI. */
  public int f64ToI32Truncated(long bits) {
    if (SseF64.isOrdinary(bits) && (bits & EXPONENT64) < TWO_TO_31) {
      int truncated = (int) Double.longBitsToDouble(bits);
      noteInexact(truncated != Double.longBitsToDouble(bits));
      return truncated;
    }
    a.set64(bits);
    return (int) toInteger(32, Wide.TRUNCATE);
  }

  /** CVTSD2SI with REX.W; out of range gives 0x8000000000000000 and IE. */
  public long f64ToI64(long bits) {
    a.set64(bits);
    return toInteger(64, state.rounding());
  }

  /** CVTTSD2SI with REX.W. */
  public long f64ToI64Truncated(long bits) {
    if (SseF64.isOrdinary(bits) && (bits & EXPONENT64) < TWO_TO_63) {
      long truncated = (long) Double.longBitsToDouble(bits);
      // From 2^53 on doubles are integers, so the comparison in doubles is exact.
      noteInexact(truncated != Double.longBitsToDouble(bits));
      return truncated;
    }
    a.set64(bits);
    return toInteger(64, Wide.TRUNCATE);
  }

  /** CVTSS2SD, CVTPS2PD. */
  public long f32ToF64(int bits) {
    int exponent = bits & EXPONENT32;
    if (exponent != 0 && exponent != EXPONENT32) {
      return Double.doubleToRawLongBits(Float.intBitsToFloat(bits));
    }
    f64.a.set32(bits);
    return convert(f64);
  }

  /** CVTSD2SS, CVTPD2PS. */
  public int f64ToF32(long bits) {
    if (state.fast() && (bits & EXPONENT64) != 0) {
      int result = Float.floatToRawIntBits((float) Double.longBitsToDouble(bits));
      if ((result >>> 23 & 0xff) - 2 >= 0 && (result & EXPONENT32) != EXPONENT32) {
        return result;
      }
    }
    f32.a.set64(bits);
    return (int) convert(f32);
  }

  /** Raises PE unless it is sticky and masked already, which spares the caller {@link SseState#complete}. */
  private void noteInexact(boolean inexact) {
    if (inexact && (state.mxcsr & (SseState.PE | SseState.PM)) != (SseState.PE | SseState.PM)) {
      state.raised |= SseState.PE;
    }
  }

  private long convert(SseFloat to) {
    if ((state.mxcsr & SseState.DAZ) != 0) {
      to.a.flushDenormal();
    }
    return to.a.isNan() ? to.fromNan() : to.fromFinite();
  }

  private static long fromInteger(SseFloat to, long value) {
    to.a.setInteger(value);
    return to.fromFinite();
  }

  /** Rounds {@link #a} to an integer of this width. A denormal raises no DE here, but DAZ makes it an exact zero. */
  private long toInteger(int width, int rounding) {
    long least = -1L << width - 1;
    if (a.kind == Kind.ZERO || a.denormal && (state.mxcsr & SseState.DAZ) != 0) {
      return 0;
    }
    if (a.kind != Kind.FINITE || a.exponent > 63) {
      state.raised |= SseState.IE;
      return least;
    }
    wide.set(a);
    wide.roundToInteger(rounding);
    long limit = a.sign != 0 ? -least : ~least;
    if (Long.compareUnsigned(wide.high, limit) > 0) {
      state.raised |= SseState.IE;
      return least;
    }
    if (wide.inexact) {
      state.raised |= SseState.PE;
    }
    return a.sign != 0 ? -wide.high : wide.high;
  }
}
