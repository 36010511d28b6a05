package dev.lockstep.softcpu;

/**
 * A guest exception on its way from the operation that met it to the loop that delivers it. One preallocated object per CPU, without a stack trace.
 */
final class GuestFault extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Vectors (Intel SDM vol. 3A 6.3.1). */
  static final int DE = 0,
      DB = 1,
      BP = 3,
      OF = 4,
      BR = 5,
      UD = 6,
      NM = 7,
      DF = 8,
      TS = 10,
      NP = 11,
      SS = 12,
      GP = 13,
      PF = 14,
      MF = 16,
      AC = 17,
      XM = 19;

  /** The vector, 0..31. */
  int vector;

  /** The error code, meaningful for DF TS NP SS GP PF AC. */
  int errorCode;

  /** The linear address of a page fault, for CR2. */
  long address;

  /** #GP(0) for a non-canonical address: becomes #SS(0) where the operation used the stack segment. */
  boolean nonCanonical;

  /** #DB for an instruction breakpoint: the one fault that leaves RF as it is in the saved flags. */
  boolean breakpoint;

  GuestFault() {
    super(null, null, false, false);
  }

  /** Sets vector and error code and returns this, to be thrown. */
  GuestFault raise(int vector, int errorCode) {
    this.vector = vector;
    this.errorCode = errorCode;
    this.nonCanonical = false;
    this.breakpoint = false;
    return this;
  }

  /** Sets #DB for an instruction breakpoint and returns this, to be thrown. */
  GuestFault raiseBreakpoint() {
    raise(DB, 0);
    this.breakpoint = true;
    return this;
  }

  /** Sets a page fault and returns this, to be thrown. */
  GuestFault raisePageFault(long address, int errorCode) {
    raise(PF, errorCode);
    this.address = address;
    return this;
  }

  /** Sets #GP(0), or #SS(0) where the operation says so, for a non-canonical address, and returns this, to be thrown. */
  GuestFault raiseNonCanonical() {
    raise(GP, 0);
    this.nonCanonical = true;
    return this;
  }
}
