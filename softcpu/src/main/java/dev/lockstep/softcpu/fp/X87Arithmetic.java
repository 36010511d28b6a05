package dev.lockstep.softcpu.fp;

/**
 * FADD, FMUL, FSUB, FSUBR, FDIV, FDIVR in every operand form. {@code op} is the reg field of the encoding: {@link #ADD} .. {@link #DIVR}; {@link #SUB} always means ST(0) - other and {@link #SUBR}
 * other - ST(0), so the swapped encodings of DC and DE (E0: FSUBR ST(i),ST(0) ...) come out right when the field is passed on as it is.
 */
public final class X87Arithmetic {
  /** Values of {@code op}: the reg field of ModR/M. 2 and 3 are comparisons, see {@link X87Compares}. */
  public static final int ADD = 0, MUL = 1, SUB = 4, SUBR = 5, DIV = 6, DIVR = 7;

  private final X87State state;
  private final X87Stack stack;
  private final F80 f80;

  X87Arithmetic(X87Stack stack) {
    this.state = stack.state;
    this.stack = stack;
    this.f80 = stack.f80;
  }

  /** D8 /op m32: ST(0) = ST(0) op m32. */
  public void withF32(int op, int bits) {
    stack.begin();
    other(op).set32(bits);
    withMemory(op);
  }

  /** DC /op m64: ST(0) = ST(0) op m64. */
  public void withF64(int op, long bits) {
    stack.begin();
    other(op).set64(bits);
    withMemory(op);
  }

  /** DA /op m32 and DE /op m16, sign-extended. */
  public void withInteger(int op, long value) {
    stack.begin();
    other(op).setInteger(value);
    withMemory(op);
  }

  /** D8 /op ST(i): ST(0) = ST(0) op ST(i). */
  public void withRegister(int op, int i) {
    registers(op, i, 0);
  }

  /** DC /op ST(i): ST(i) = ST(0) op ST(i), in the sense of {@link #SUB} and {@link #SUBR}. */
  public void toRegister(int op, int i) {
    registers(op, i, i);
  }

  /** DE /op ST(i): as {@link #toRegister}, then pops. */
  public void toRegisterPop(int op, int i) {
    if (registers(op, i, i)) {
      state.pop();
    }
  }

  private boolean registers(int op, int i, int destination) {
    stack.begin();
    if (state.isEmpty(0) || state.isEmpty(i)) {
      return stack.underflowInto(destination);
    }
    stack.read(other(op), i);
    stack.read(top(op), 0);
    compute(op);
    return stack.acceptInto(destination);
  }

  private void withMemory(int op) {
    if (state.isEmpty(0)) {
      stack.underflowInto(0);
      return;
    }
    stack.read(top(op), 0);
    compute(op);
    stack.acceptInto(0);
  }

  /** ST(0)'s place: the right side of the reversed operations. */
  private Operand top(int op) {
    return isReversed(op) ? f80.b : f80.a;
  }

  private Operand other(int op) {
    return isReversed(op) ? f80.a : f80.b;
  }

  private static boolean isReversed(int op) {
    return op == SUBR || op == DIVR;
  }

  private void compute(int op) {
    switch (op) {
      case ADD -> f80.add();
      case MUL -> f80.multiply();
      case SUB, SUBR -> f80.subtract();
      case DIV, DIVR -> f80.divide();
      default -> throw new IllegalStateException("x87 arithmetic with reg field " + op);
    }
  }
}
