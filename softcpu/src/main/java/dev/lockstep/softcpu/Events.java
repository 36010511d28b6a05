package dev.lockstep.softcpu;

/** Delivers what waits between two instructions, in the order of Intel SDM vol. 3A table 6-2: injected exceptions, debug traps, NMI, external interrupts. */
final class Events {
  private static final long FLAG_IF = 1 << 9;
  private static final int MOV_SS_SHADOW = 2;

  private final Cpu c;

  Events(Cpu c) {
    this.c = c;
  }

  /** Delivers the first event that may be; false if there is none. */
  boolean deliverOne() {
    if (c.pendingException < 0 && c.pendingDebug == 0 && !c.nmiPending && c.pendingInterrupt < 0) {
      return false;
    }
    c.single = true;
    try {
      return deliver();
    } finally {
      c.single = false;
      c.mode = CodeMode.of(c);
    }
  }

  private boolean deliver() {
    if (c.pendingException >= 0) {
      int vector = c.pendingException;
      c.pendingException = -1;
      c.halted = false;
      c.fault.raise(vector, c.pendingErrorCode).address = c.cr2;
      c.interrupts.exception(c.fault);
    } else if (c.pendingDebug != 0 && (c.interruptShadow & MOV_SS_SHADOW) == 0) {
      c.halted = false;
      c.interrupts.debugTrap();
    } else if (c.nmiPending && !c.nmiBlocked && c.interruptShadow == 0) {
      c.nmiPending = false;
      c.halted = false;
      c.interrupts.nmi();
    } else if (c.pendingInterrupt >= 0
        && c.interruptShadow == 0
        && (c.systemFlags & FLAG_IF) != 0) {
      int vector = c.pendingInterrupt;
      c.pendingInterrupt = -1;
      c.halted = false;
      c.interrupts.external(vector);
    } else {
      return false;
    }
    c.interruptShadow = 0;
    return true;
  }
}
