package dev.lockstep.softcpu.fp;

/** What every x87 operation does with the register stack: checks, stack faults, and taking over a result of {@link F80}. */
final class X87Stack {
  final X87State state;
  final F80 f80;

  X87Stack(X87State state, F80 f80) {
    this.state = state;
    this.f80 = f80;
  }

  /** Clears C1 and starts arithmetic under the current control word. */
  void begin() {
    state.status &= ~X87State.C1;
    f80.begin(state.control);
  }

  /** Unpacks ST(i). */
  void read(Operand into, int i) {
    int register = state.physical(i);
    into.set80(state.signExponent[register], state.significand[register]);
  }

  /**
   * Raises a stack underflow (C1 = 0).
   *
   * @return whether it is masked
   */
  boolean underflow() {
    state.status = state.status & ~X87State.C1 | X87State.IE | X87State.SF;
    return (state.control & X87State.IE) != 0;
  }

  /** As {@link #underflow}, and the masked response: ST(i) becomes the indefinite. */
  boolean underflowInto(int i) {
    boolean masked = underflow();
    if (masked) {
      state.set(i, F80.INDEFINITE_SE, F80.INDEFINITE);
    }
    return masked;
  }

  /**
   * Whether a push would overflow; if so, the overflow is raised (C1 = 1).
   */
  boolean overflows() {
    if (state.isEmpty(7)) {
      return false;
    }
    state.status |= X87State.IE | X87State.SF | X87State.C1;
    return true;
  }

  /** The masked response to an overflow or to an underflow that ends in a push: pushes the indefinite. */
  void pushIndefiniteIfMasked() {
    if ((state.control & X87State.IE) != 0) {
      state.push(F80.INDEFINITE_SE, F80.INDEFINITE);
    }
  }

  /**
   * Takes over the flags of the finished operation and C1.
   *
   * @return whether its result may be stored
   */
  boolean accept() {
    boolean blocked = f80.isBlocked();
    state.status |= f80.flags;
    if (!blocked && f80.roundedUp) {
      state.status |= X87State.C1;
    }
    return !blocked;
  }

  /** {@link #accept}s, then writes the result to ST(i). */
  boolean acceptInto(int i) {
    boolean accepted = accept();
    if (accepted) {
      state.set(i, f80.signExponent, f80.significand);
    }
    return accepted;
  }
}
