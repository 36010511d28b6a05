package dev.lockstep.softcpu.fp;

/** Comparisons: FCOM, FICOM and FUCOM set C0, C2, C3; FCOMI and FUCOMI return RFLAGS bits. FCOM raises IE on any NaN, FUCOM on signalling ones only. */
public final class X87Compares {
  /** RFLAGS are not to be written. */
  public static final int UNCHANGED = -1;

  private final X87State state;

  public X87Compares(X87State state) {
    this.state = state;
  }

  /** FCOM m32. */
  public void fcomF32(int bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Compares.fcomF32 is not implemented yet");
  }

  /** FCOMP m32. */
  public void fcompF32(int bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Compares.fcompF32 is not implemented yet");
  }

  /** FCOM m64. */
  public void fcomF64(long bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Compares.fcomF64 is not implemented yet");
  }

  /** FCOMP m64. */
  public void fcompF64(long bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Compares.fcompF64 is not implemented yet");
  }

  /** FICOM m16, m32, sign-extended. */
  public void ficom(long value) {
    throw new UnsupportedOperationException("softcpu.fp: X87Compares.ficom is not implemented yet");
  }

  /** FICOMP m16, m32, sign-extended. */
  public void ficomp(long value) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Compares.ficomp is not implemented yet");
  }

  /** FCOM ST(i). */
  public void fcom(int i) {
    throw new UnsupportedOperationException("softcpu.fp: X87Compares.fcom is not implemented yet");
  }

  /** FCOMP ST(i). */
  public void fcomp(int i) {
    throw new UnsupportedOperationException("softcpu.fp: X87Compares.fcomp is not implemented yet");
  }

  /** FCOMPP. */
  public void fcompp() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Compares.fcompp is not implemented yet");
  }

  /** FUCOM ST(i). */
  public void fucom(int i) {
    throw new UnsupportedOperationException("softcpu.fp: X87Compares.fucom is not implemented yet");
  }

  /** FUCOMP ST(i). */
  public void fucomp(int i) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Compares.fucomp is not implemented yet");
  }

  /** FUCOMPP. */
  public void fucompp() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Compares.fucompp is not implemented yet");
  }

  /** FCOMI: ZF 0x40, PF 0x04, CF 0x01; OF SF AF are to be cleared. {@link #UNCHANGED} if an unmasked exception leaves RFLAGS alone. */
  public int fcomi(int i) {
    throw new UnsupportedOperationException("softcpu.fp: X87Compares.fcomi is not implemented yet");
  }

  /** FCOMIP. */
  public int fcomip(int i) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Compares.fcomip is not implemented yet");
  }

  /** FUCOMI. */
  public int fucomi(int i) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Compares.fucomi is not implemented yet");
  }

  /** FUCOMIP. */
  public int fucomip(int i) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Compares.fucomip is not implemented yet");
  }

  /** FTST. */
  public void ftst() {
    throw new UnsupportedOperationException("softcpu.fp: X87Compares.ftst is not implemented yet");
  }

  /** FXAM. */
  public void fxam() {
    throw new UnsupportedOperationException("softcpu.fp: X87Compares.fxam is not implemented yet");
  }
}
