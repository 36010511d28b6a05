package dev.lockstep.softcpu.fp;

/** FLD, FILD, FBLD, the constants, and moves between registers. Memory operands come in as raw bits. */
public final class X87Moves {
  private final X87State state;

  public X87Moves(X87State state) {
    this.state = state;
  }

  /** FLD m32: widens; a signalling NaN or a denormal raises IE or DE. */
  public void fldF32(int bits) {
    throw new UnsupportedOperationException("softcpu.fp: X87Moves.fldF32 is not implemented yet");
  }

  /** FLD m64. */
  public void fldF64(long bits) {
    throw new UnsupportedOperationException("softcpu.fp: X87Moves.fldF64 is not implemented yet");
  }

  /** FLD m80: raw, no exception but stack overflow. */
  public void fldF80(int signExponent, long significand) {
    throw new UnsupportedOperationException("softcpu.fp: X87Moves.fldF80 is not implemented yet");
  }

  /** FILD m16, m32, m64: the sign-extended integer. */
  public void fild(long value) {
    throw new UnsupportedOperationException("softcpu.fp: X87Moves.fild is not implemented yet");
  }

  /** FBLD: bytes 0..7 and bytes 8..9 of the packed decimal. */
  public void fbld(long low, int high) {
    throw new UnsupportedOperationException("softcpu.fp: X87Moves.fbld is not implemented yet");
  }

  /** FLD ST(i). */
  public void fldRegister(int i) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Moves.fldRegister is not implemented yet");
  }

  /** FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ: 0..6, the low three bits of ModR/M (D9 E8..EE). */
  public void fldConstant(int which) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Moves.fldConstant is not implemented yet");
  }

  /** FXCH ST(i). */
  public void fxch(int i) {
    throw new UnsupportedOperationException("softcpu.fp: X87Moves.fxch is not implemented yet");
  }

  /** FCMOVcc with a true condition: ST(0) = ST(i). With a false one call {@link #fcmovFalse}. */
  public void fcmov(int i) {
    throw new UnsupportedOperationException("softcpu.fp: X87Moves.fcmov is not implemented yet");
  }

  /** FCMOVcc with a false condition: only checks both registers for emptiness. */
  public void fcmovFalse(int i) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Moves.fcmovFalse is not implemented yet");
  }

  /** FST ST(i). */
  public void fstRegister(int i) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Moves.fstRegister is not implemented yet");
  }

  /** FSTP ST(i). */
  public void fstpRegister(int i) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Moves.fstpRegister is not implemented yet");
  }
}
