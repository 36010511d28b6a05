package dev.lockstep.softcpu.fp;

/** SSE single precision as raw bits. Methods ending in {@code Pair} work on the two elements of a 64-bit half. Flags go to {@link SseState#raised}. */
public final class SseF32 {
  private final SseState state;

  public SseF32(SseState state) {
    this.state = state;
  }

  /** ADDSS: a is the destination operand. */
  public int add(int a, int b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.add is not implemented yet");
  }

  /** SUBSS. */
  public int sub(int a, int b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.sub is not implemented yet");
  }

  /** MULSS. */
  public int mul(int a, int b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.mul is not implemented yet");
  }

  /** DIVSS: a / b. */
  public int div(int a, int b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.div is not implemented yet");
  }

  /** SQRTSS. */
  public int sqrt(int b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.sqrt is not implemented yet");
  }

  /** MINSS. */
  public int min(int a, int b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.min is not implemented yet");
  }

  /** MAXSS. */
  public int max(int a, int b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.max is not implemented yet");
  }

  /** CMPSS: predicate 0..7; all ones or zero. */
  public int cmp(int predicate, int a, int b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.cmp is not implemented yet");
  }

  /** COMISS: RFLAGS bits. */
  public int comi(int a, int b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.comi is not implemented yet");
  }

  /** UCOMISS. */
  public int ucomi(int a, int b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.ucomi is not implemented yet");
  }

  /** RCPSS; raises nothing. */
  public int rcp(int b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.rcp is not implemented yet");
  }

  /** RSQRTSS; raises nothing. */
  public int rsqrt(int b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.rsqrt is not implemented yet");
  }

  /** ADDPS. */
  public long addPair(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.addPair is not implemented yet");
  }

  /** SUBPS. */
  public long subPair(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.subPair is not implemented yet");
  }

  /** MULPS. */
  public long mulPair(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.mulPair is not implemented yet");
  }

  /** DIVPS. */
  public long divPair(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.divPair is not implemented yet");
  }

  /** MINPS. */
  public long minPair(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.minPair is not implemented yet");
  }

  /** MAXPS. */
  public long maxPair(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.maxPair is not implemented yet");
  }

  /** CMPPS. */
  public long cmpPair(int predicate, long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.cmpPair is not implemented yet");
  }

  /** SQRTPS. */
  public long sqrtPair(long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.sqrtPair is not implemented yet");
  }

  /** RCPPS. */
  public long rcpPair(long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.rcpPair is not implemented yet");
  }

  /** RSQRTPS. */
  public long rsqrtPair(long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF32.rsqrtPair is not implemented yet");
  }
}
