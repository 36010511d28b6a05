package dev.lockstep.softcpu.fp;

/** FADD, FMUL, FSUB, FSUBR, FDIV, FDIVR in every operand form. {@code op} is the reg field of the encoding: {@link #ADD} .. {@link #DIVR}; {@link #SUB} always means ST(0) - other and {@link #SUBR} other - ST(0), so the swapped encodings of DC and DE (E0: FSUBR ST(i),ST(0) ...) come out right when the field is passed on as it is. */
public final class X87Arithmetic {
  /** Values of {@code op}: the reg field of ModR/M. */
  public static final int ADD = 0, MUL = 1, SUB = 4, SUBR = 5, DIV = 6, DIVR = 7;

  private final X87State state;

  public X87Arithmetic(X87State state) {
    this.state = state;
  }

  /** D8 /op m32: ST(0) = ST(0) op m32. */
  public void withF32(int op, int bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Arithmetic.withF32 is not implemented yet");
  }

  /** DC /op m64. */
  public void withF64(int op, long bits) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Arithmetic.withF64 is not implemented yet");
  }

  /** DA /op m32 and DE /op m16, sign-extended. */
  public void withInteger(int op, long value) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Arithmetic.withInteger is not implemented yet");
  }

  /** D8 /op ST(i): ST(0) = ST(0) op ST(i). */
  public void withRegister(int op, int i) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Arithmetic.withRegister is not implemented yet");
  }

  /** DC /op ST(i): ST(i) = ST(0) op ST(i). */
  public void toRegister(int op, int i) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Arithmetic.toRegister is not implemented yet");
  }

  /** DE /op ST(i): as {@link #toRegister}, then pops. */
  public void toRegisterPop(int op, int i) {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Arithmetic.toRegisterPop is not implemented yet");
  }
}
