package dev.lockstep.softcpu;

/** What the loop delivers between two instructions, counted as the transfer that it is. Called with {@code c.single} set and RIP exact. */
final class Interrupts {
  private final Cpu c;

  Interrupts(Cpu c) {
    this.c = c;
  }

  /** Delivers an exception; for page faults CR2 is {@code fault.address}. Sets {@code c.shutdown} on a triple fault. */
  void exception(GuestFault fault) {
    boolean resume = !fault.breakpoint && Delivery.isFaultClass(fault.vector);
    Delivery.exception(c, fault.vector, fault.errorCode, fault.address, resume);
    count();
  }

  /** Delivers an external interrupt. */
  void external(int vector) {
    Delivery.external(c, vector);
    count();
  }

  /** Delivers an NMI and blocks further ones until IRET. */
  void nmi() {
    Delivery.nmi(c);
    count();
  }

  /** Delivers #DB as a trap, with {@code c.pendingDebug} added to DR6, and clears it. */
  void debugTrap() {
    c.dr6 |= c.pendingDebug;
    c.pendingDebug = 0;
    Delivery.exception(c, GuestFault.DB, 0, 0, c.midRepeat);
    count();
  }

  private void count() {
    c.midRepeat = false;
    if (!c.shutdown) {
      c.branchCount += c.transferIncrement;
    }
  }
}
