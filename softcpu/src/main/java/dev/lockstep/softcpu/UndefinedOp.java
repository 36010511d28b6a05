package dev.lockstep.softcpu;

/** An encoding that this CPU does not have: raises one exception, #UD or, for an instruction longer than 15 bytes, #GP(0). */
final class UndefinedOp extends Op {
  private final int vector;

  private UndefinedOp(int vector) {
    this.vector = vector;
  }

  /** #UD. */
  static final UndefinedOp UD = new UndefinedOp(GuestFault.UD);

  /** #GP(0): longer than 15 bytes (Intel SDM vol. 3A 6.15, interrupt 13). */
  static final UndefinedOp TOO_LONG = new UndefinedOp(GuestFault.GP);

  @Override
  void exec(Cpu c) {
    throw c.fault.raise(vector, 0);
  }

  @Override
  int placement() {
    return ENDS;
  }
}
