package dev.lockstep.softcpu.fp;

/** Exact and algebraic functions of ST(0) and ST(1). */
public final class X87Functions {
  private final X87State state;

  public X87Functions(X87State state) {
    this.state = state;
  }

  /** FCHS. */
  public void fchs() {
    throw new UnsupportedOperationException("softcpu.fp: X87Functions.fchs is not implemented yet");
  }

  /** FABS. */
  public void fabs() {
    throw new UnsupportedOperationException("softcpu.fp: X87Functions.fabs is not implemented yet");
  }

  /** FSQRT. */
  public void fsqrt() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Functions.fsqrt is not implemented yet");
  }

  /** FPREM: truncating. */
  public void fprem() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Functions.fprem is not implemented yet");
  }

  /** FPREM1: IEEE. */
  public void fprem1() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Functions.fprem1 is not implemented yet");
  }

  /** FSCALE. */
  public void fscale() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Functions.fscale is not implemented yet");
  }

  /** FXTRACT. */
  public void fxtract() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Functions.fxtract is not implemented yet");
  }

  /** FRNDINT. */
  public void frndint() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Functions.frndint is not implemented yet");
  }
}
