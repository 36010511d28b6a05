package dev.lockstep.softcpu.fp;

/** SSE2 double precision, one element at a time, as raw bits. Flags go to {@link SseState#raised}. */
public final class SseF64 {
  private final SseState state;

  public SseF64(SseState state) {
    this.state = state;
  }

  /** ADDSD: a is the destination operand. */
  public long add(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF64.add is not implemented yet");
  }

  /** SUBSD. */
  public long sub(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF64.sub is not implemented yet");
  }

  /** MULSD. */
  public long mul(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF64.mul is not implemented yet");
  }

  /** DIVSD: a / b. */
  public long div(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF64.div is not implemented yet");
  }

  /** SQRTSD. */
  public long sqrt(long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF64.sqrt is not implemented yet");
  }

  /** MINSD. */
  public long min(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF64.min is not implemented yet");
  }

  /** MAXSD. */
  public long max(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF64.max is not implemented yet");
  }

  /** CMPSD: predicate 0..7 = EQ LT LE UNORD NEQ NLT NLE ORD; all ones or zero. */
  public long cmp(int predicate, long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF64.cmp is not implemented yet");
  }

  /** COMISD: RFLAGS bits ZF 0x40, PF 0x04, CF 0x01; OF SF AF are to be cleared. Call {@link SseState#complete} before writing RFLAGS. */
  public int comi(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF64.comi is not implemented yet");
  }

  /** UCOMISD. */
  public int ucomi(long a, long b) {
    throw new UnsupportedOperationException("softcpu.fp: SseF64.ucomi is not implemented yet");
  }
}
