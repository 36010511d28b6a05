package dev.lockstep.softcpu.fp;

import dev.lockstep.softcpu.fp.Operand.Kind;

/**
 * Comparisons: FCOM, FICOM and FUCOM set C0, C2, C3; FCOMI and FUCOMI return RFLAGS bits. FCOM raises IE on any NaN, FUCOM on signalling ones only. With an unmasked IE or DE the condition codes and
 * RFLAGS stay as they were and nothing is popped (Intel SDM vol. 2, FCOM and FCOMI; AMD's processors do set them).
 */
public final class X87Compares {
  /** RFLAGS are not to be written. */
  public static final int UNCHANGED = -1;

  /** RFLAGS bits of a comparison. */
  static final int ZF = 0x40, PF = 0x04, CF = 0x01;

  private static final int UNORDERED = ZF | PF | CF;
  private static final int CODES = X87State.C0 | X87State.C2 | X87State.C3;

  private final X87State state;
  private final X87Stack stack;
  private final F80 f80;

  X87Compares(X87Stack stack) {
    this.state = stack.state;
    this.stack = stack;
    this.f80 = stack.f80;
  }

  /** FCOM m32. */
  public void fcomF32(int bits) {
    f80.b.set32(bits);
    setCodes(ordered(state.isEmpty(0)));
  }

  /** FCOMP m32. */
  public void fcompF32(int bits) {
    f80.b.set32(bits);
    setCodesAndPop(ordered(state.isEmpty(0)));
  }

  /** FCOM m64. */
  public void fcomF64(long bits) {
    f80.b.set64(bits);
    setCodes(ordered(state.isEmpty(0)));
  }

  /** FCOMP m64. */
  public void fcompF64(long bits) {
    f80.b.set64(bits);
    setCodesAndPop(ordered(state.isEmpty(0)));
  }

  /** FICOM m16, m32, sign-extended. */
  public void ficom(long value) {
    f80.b.setInteger(value);
    setCodes(ordered(state.isEmpty(0)));
  }

  /** FICOMP m16, m32, sign-extended. */
  public void ficomp(long value) {
    f80.b.setInteger(value);
    setCodesAndPop(ordered(state.isEmpty(0)));
  }

  /** FCOM ST(i). */
  public void fcom(int i) {
    setCodes(orderedRegister(i));
  }

  /** FCOMP ST(i). */
  public void fcomp(int i) {
    setCodesAndPop(orderedRegister(i));
  }

  /** FCOMPP. */
  public void fcompp() {
    if (setCodesAndPop(orderedRegister(1))) {
      state.pop();
    }
  }

  /** FUCOM ST(i). */
  public void fucom(int i) {
    setCodes(unorderedRegister(i));
  }

  /** FUCOMP ST(i). */
  public void fucomp(int i) {
    setCodesAndPop(unorderedRegister(i));
  }

  /** FUCOMPP. */
  public void fucompp() {
    if (setCodesAndPop(unorderedRegister(1))) {
      state.pop();
    }
  }

  /**
   * FCOMI.
   *
   * @return ZF 0x40, PF 0x04, CF 0x01 for RFLAGS, where OF SF AF are to be cleared; {@link #UNCHANGED} if an unmasked exception leaves RFLAGS alone
   */
  public int fcomi(int i) {
    return orderedRegister(i);
  }

  /** FCOMIP; returns as {@link #fcomi}. */
  public int fcomip(int i) {
    return popUnlessUnchanged(orderedRegister(i));
  }

  /** FUCOMI; returns as {@link #fcomi}. */
  public int fucomi(int i) {
    return unorderedRegister(i);
  }

  /** FUCOMIP; returns as {@link #fcomi}. */
  public int fucomip(int i) {
    return popUnlessUnchanged(unorderedRegister(i));
  }

  /** FTST: compares with +0. */
  public void ftst() {
    f80.b.setInteger(0);
    setCodes(ordered(state.isEmpty(0)));
  }

  /** FXAM: the class of ST(0) in C3 C2 C0, its sign in C1, of an empty register too. */
  public void fxam() {
    int register = state.physical(0);
    int sign = (state.signExponent[register] & 0x8000) != 0 ? X87State.C1 : 0;
    state.status = state.status & ~(CODES | X87State.C1) | sign | classOfTop();
  }

  private int classOfTop() {
    if (state.isEmpty(0)) {
      return X87State.C3 | X87State.C0;
    }
    stack.read(f80.a, 0);
    return switch (f80.a.kind) {
      case UNSUPPORTED -> 0;
      case QUIET_NAN, SIGNALLING_NAN -> X87State.C0;
      case INFINITY -> X87State.C2 | X87State.C0;
      case ZERO -> X87State.C3;
      case FINITE -> f80.a.denormal ? X87State.C3 | X87State.C2 : X87State.C2;
    };
  }

  private int orderedRegister(int i) {
    stack.read(f80.b, i);
    return ordered(state.isEmpty(0) || state.isEmpty(i));
  }

  /** Compares ST(0) with b; any NaN is invalid. */
  private int ordered(boolean empty) {
    stack.begin();
    if (empty) {
      return stack.underflow() ? UNORDERED : UNCHANGED;
    }
    stack.read(f80.a, 0);
    if (isUnordered()) {
      f80.flags |= X87State.IE;
    }
    return relation();
  }

  /** Compares ST(0) with ST(i); only signalling NaNs and unsupported encodings are invalid. */
  private int unorderedRegister(int i) {
    stack.begin();
    if (state.isEmpty(0) || state.isEmpty(i)) {
      return stack.underflow() ? UNORDERED : UNCHANGED;
    }
    stack.read(f80.a, 0);
    stack.read(f80.b, i);
    if (isInvalid(f80.a.kind) || isInvalid(f80.b.kind)) {
      f80.flags |= X87State.IE;
    }
    return relation();
  }

  private boolean isUnordered() {
    return f80.a.isNan() || f80.b.isNan() || isInvalid(f80.a.kind) || isInvalid(f80.b.kind);
  }

  private static boolean isInvalid(Kind kind) {
    return kind == Kind.SIGNALLING_NAN || kind == Kind.UNSUPPORTED;
  }

  private int relation() {
    int flags = UNORDERED;
    if (!isUnordered()) {
      f80.noteDenormals();
      int order = Comparison.compare(f80.a, f80.b);
      flags = order == 0 ? ZF : order < 0 ? CF : 0;
    }
    state.status |= f80.flags;
    boolean unmasked = (f80.flags & ~state.control) != 0;
    return unmasked ? UNCHANGED : flags;
  }

  private boolean setCodes(int flags) {
    if (flags == UNCHANGED) {
      return false;
    }
    int codes =
        ((flags & ZF) != 0 ? X87State.C3 : 0)
            | ((flags & PF) != 0 ? X87State.C2 : 0)
            | ((flags & CF) != 0 ? X87State.C0 : 0);
    state.status = state.status & ~CODES | codes;
    return true;
  }

  private boolean setCodesAndPop(int flags) {
    boolean done = setCodes(flags);
    if (done) {
      state.pop();
    }
    return done;
  }

  private int popUnlessUnchanged(int flags) {
    if (flags != UNCHANGED) {
      state.pop();
    }
    return flags;
  }
}
