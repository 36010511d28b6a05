package dev.lockstep.softcpu;

/** What the loop delivers between two instructions, counted as the transfer that it is. Called with {@code c.single} set and RIP exact. */
final class Interrupts {
  private static final int NMI_VECTOR = 2;

  private final Cpu c;

  Interrupts(Cpu c) {
    this.c = c;
  }

  /** Delivers an exception; for page faults CR2 is {@code fault.address}. Sets {@code c.shutdown} on a triple fault. */
  void exception(GuestFault fault) {
    boolean resume = !fault.breakpoint && Delivery.isFaultClass(fault.vector);
    // The one fault object may be raised again while this one is delivered.
    int vector = fault.vector;
    int errorCode = fault.errorCode;
    long address = fault.address;
    begin();
    Delivery.exception(c, vector, errorCode, address, resume);
    count();
    // In another fault, it is that of the last page fault.
    long observed = vector == GuestFault.PF ? address : 0;
    tell(ExecutionObserver.Delivered.EXCEPTION, vector, errorCode, observed);
  }

  /** Delivers an external interrupt. */
  void external(int vector) {
    begin();
    Delivery.external(c, vector);
    count();
    tell(ExecutionObserver.Delivered.INTERRUPT, vector, 0, 0);
  }

  /** Delivers an NMI and blocks further ones until IRET. */
  void nmi() {
    begin();
    Delivery.nmi(c);
    count();
    tell(ExecutionObserver.Delivered.NMI, NMI_VECTOR, 0, 0);
  }

  /** Delivers #DB as a trap, with {@code c.pendingDebug} added to DR6, and clears it. */
  void debugTrap() {
    c.dr6 |= c.pendingDebug;
    c.pendingDebug = 0;
    begin();
    Delivery.exception(c, GuestFault.DB, 0, 0, c.midRepeat);
    count();
    tell(ExecutionObserver.Delivered.DEBUG_TRAP, GuestFault.DB, 0, 0);
  }

  private void begin() {
    Observation observation = c.observation;
    if (observation != null) {
      observation.beginDelivery();
    }
  }

  private void tell(ExecutionObserver.Delivered kind, int vector, int errorCode, long address) {
    Observation observation = c.observation;
    if (observation != null) {
      observation.delivered(kind, vector, errorCode, address);
    }
  }

  private void count() {
    c.midRepeat = false;
    if (!c.shutdown) {
      c.branchCount += c.transferIncrement;
    }
  }
}
