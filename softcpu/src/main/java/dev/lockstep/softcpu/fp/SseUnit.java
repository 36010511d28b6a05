package dev.lockstep.softcpu.fp;

/** The SSE floating-point unit of one vCPU: its registers and the kernels that share its MXCSR. Integer lanes are static functions of {@link PackedIntegers}. */
public final class SseUnit {
  public final SseState state = new SseState();
  public final SseF32 f32 = new SseF32(state);
  public final SseF64 f64 = new SseF64(state);
  public final SseConversions convert = new SseConversions(state);
}
