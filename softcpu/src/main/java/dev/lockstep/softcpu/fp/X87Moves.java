package dev.lockstep.softcpu.fp;

/** FLD, FILD, FBLD, the constants, and moves between registers. Memory operands come in as raw bits. */
public final class X87Moves {
  private static final int CONSTANTS = 7;

  /** Sign and exponent of FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ. */
  private static final int[] CONSTANT_SE = {0x3fff, 0x4000, 0x3fff, 0x4000, 0x3ffd, 0x3ffe, 0x0000};

  /** The constants truncated to 64 bits. */
  private static final long[] CONSTANT = {
    0x8000000000000000L,
    0xd49a784bcd1b8afeL,
    0xb8aa3b295c17f0bbL,
    0xc90fdaa22168c234L,
    0x9a209a84fbcff798L,
    0xb17217f7d1cf79abL,
    0
  };

  /** Whether the constant has bits below the 64th, and whether they are more than half of the last place. */
  private static final boolean[] INEXACT = {false, true, true, true, true, true, false};

  private static final boolean[] ABOVE_HALF = {false, false, true, true, true, true, false};

  private final X87State state;
  private final X87Stack stack;
  private final F80 f80;

  X87Moves(X87Stack stack) {
    this.state = stack.state;
    this.stack = stack;
    this.f80 = stack.f80;
  }

  /** FLD m32: widens; a signalling NaN or a denormal raises IE or DE. */
  public void fldF32(int bits) {
    stack.begin();
    f80.a.set32(bits);
    pushWidened();
  }

  /** FLD m64. */
  public void fldF64(long bits) {
    stack.begin();
    f80.a.set64(bits);
    pushWidened();
  }

  /** FLD m80: raw, no exception but stack overflow. */
  public void fldF80(int signExponent, long significand) {
    stack.begin();
    if (stack.overflows()) {
      stack.pushIndefiniteIfMasked();
    } else {
      state.push(signExponent & 0xffff, significand);
    }
  }

  /** FILD m16, m32, m64: the sign-extended integer. */
  public void fild(long value) {
    stack.begin();
    f80.a.setInteger(value);
    pushWidened();
  }

  /**
   * FBLD: bytes 0..7 and bytes 8..9 of the packed decimal. Nibbles above 9, undefined by the manual, count with their value.
   */
  public void fbld(long low, int high) {
    stack.begin();
    long value = decimal(high & 0xff, 2);
    value = value * 10_000_000_000_000_000L + decimal(low, 16);
    f80.a.setInteger(value);
    f80.a.sign = high >>> 15 & 1;
    pushWidened();
  }

  /** FLD ST(i). */
  public void fldRegister(int i) {
    stack.begin();
    if (state.isEmpty(i)) {
      stack.underflow();
      stack.pushIndefiniteIfMasked();
      return;
    }
    int register = state.physical(i);
    fldF80(state.signExponent[register], state.significand[register]);
  }

  /**
   * FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ: 0..6, the low three bits of ModR/M (D9 E8..EE). Rounding control applies; PE is not raised.
   */
  public void fldConstant(int which) {
    if (which < 0 || which >= CONSTANTS) {
      throw new IllegalStateException("x87 constant " + which);
    }
    stack.begin();
    boolean up =
        switch (f80.rounding()) {
          case Wide.NEAREST -> ABOVE_HALF[which];
          case Wide.UP -> INEXACT[which];
          default -> false;
        };
    fldF80(CONSTANT_SE[which], CONSTANT[which] + (up ? 1 : 0));
  }

  /** FXCH ST(i). */
  public void fxch(int i) {
    stack.begin();
    if (state.isEmpty(0) || state.isEmpty(i)) {
      if (!stack.underflow()) {
        return;
      }
      fillIfEmpty(0);
      fillIfEmpty(i);
    }
    int x = state.physical(0);
    int y = state.physical(i);
    int se = state.signExponent[x];
    long sig = state.significand[x];
    state.signExponent[x] = state.signExponent[y];
    state.significand[x] = state.significand[y];
    state.signExponent[y] = se;
    state.significand[y] = sig;
  }

  /** FCMOVcc with a true condition: ST(0) = ST(i). With a false one call {@link #fcmovFalse}. C1 changes only on a stack underflow. */
  public void fcmov(int i) {
    if (state.isEmpty(0) || state.isEmpty(i)) {
      stack.underflowInto(0);
    } else {
      copy(i, 0);
    }
  }

  /** FCMOVcc with a false condition: only checks both registers for emptiness. */
  public void fcmovFalse(int i) {
    if (state.isEmpty(0) || state.isEmpty(i)) {
      stack.underflowInto(0);
    }
  }

  /** FST ST(i). */
  public void fstRegister(int i) {
    store(i);
  }

  /** FSTP ST(i). */
  public void fstpRegister(int i) {
    if (store(i)) {
      state.pop();
    }
  }

  /**
   * FSTPNOUVR ST(i), D9 D8+i, in no manual: FSTP that finds no underflow. From an empty ST(0), processors of AMD leave the destination as
   * it is and pop, as the oracle shows.
   */
  public void fstpNoUnderflow(int i) {
    stack.begin();
    if (!state.isEmpty(0)) {
      copy(0, i);
    }
    state.pop();
  }

  private boolean store(int i) {
    stack.begin();
    if (state.isEmpty(0)) {
      return stack.underflowInto(i);
    }
    copy(0, i);
    return true;
  }

  private void copy(int from, int to) {
    int register = state.physical(from);
    state.set(to, state.signExponent[register], state.significand[register]);
  }

  private void fillIfEmpty(int i) {
    if (state.isEmpty(i)) {
      state.set(i, F80.INDEFINITE_SE, F80.INDEFINITE);
    }
  }

  /** Pushes a: every value of the narrower formats is exact in the 80-bit one, and normal. */
  private void pushWidened() {
    if (stack.overflows()) {
      stack.pushIndefiniteIfMasked();
      return;
    }
    f80.widen();
    state.status |= f80.flags;
    // A load goes on even if DE is unmasked.
    if ((f80.flags & X87State.IE) == 0 || f80.isMasked(X87State.IE)) {
      state.push(f80.signExponent, f80.significand);
    }
  }

  private static long decimal(long digits, int count) {
    long value = 0;
    for (int i = count - 1; i >= 0; i--) {
      value = value * 10 + (digits >>> 4 * i & 15);
    }
    return value;
  }
}
