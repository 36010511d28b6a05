package dev.lockstep.softcpu.fp;

/** Conversions of SSE and SSE2, one element at a time; the packed and MMX forms are the same per element. Flags go to {@link SseState#raised}. */
public final class SseConversions {
  private final SseState state;

  public SseConversions(SseState state) {
    this.state = state;
  }

  /** CVTSI2SS, CVTDQ2PS, CVTPI2PS. */
  public int i32ToF32(int value) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.i32ToF32 is not implemented yet");
  }

  /** CVTSI2SS with REX.W. */
  public int i64ToF32(long value) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.i64ToF32 is not implemented yet");
  }

  /** CVTSI2SD, CVTDQ2PD, CVTPI2PD: exact. */
  public long i32ToF64(int value) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.i32ToF64 is not implemented yet");
  }

  /** CVTSI2SD with REX.W. */
  public long i64ToF64(long value) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.i64ToF64 is not implemented yet");
  }

  /** CVTSS2SI, CVTPS2DQ, CVTPS2PI; out of range gives 0x80000000 and IE. */
  public int f32ToI32(int bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.f32ToI32 is not implemented yet");
  }

  /** CVTTSS2SI, CVTTPS2DQ, CVTTPS2PI. */
  public int f32ToI32Truncated(int bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.f32ToI32Truncated is not implemented yet");
  }

  /** CVTSS2SI with REX.W. */
  public long f32ToI64(int bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.f32ToI64 is not implemented yet");
  }

  /** CVTTSS2SI with REX.W. */
  public long f32ToI64Truncated(int bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.f32ToI64Truncated is not implemented yet");
  }

  /** CVTSD2SI, CVTPD2DQ, CVTPD2PI. */
  public int f64ToI32(long bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.f64ToI32 is not implemented yet");
  }

  /** CVTTSD2SI, CVTTPD2DQ, CVTTPD2PI. */
  public int f64ToI32Truncated(long bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.f64ToI32Truncated is not implemented yet");
  }

  /** CVTSD2SI with REX.W. */
  public long f64ToI64(long bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.f64ToI64 is not implemented yet");
  }

  /** CVTTSD2SI with REX.W. */
  public long f64ToI64Truncated(long bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.f64ToI64Truncated is not implemented yet");
  }

  /** CVTSS2SD, CVTPS2PD. */
  public long f32ToF64(int bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.f32ToF64 is not implemented yet");
  }

  /** CVTSD2SS, CVTPD2PS. */
  public int f64ToF32(long bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: SseConversions.f64ToF32 is not implemented yet");
  }
}
