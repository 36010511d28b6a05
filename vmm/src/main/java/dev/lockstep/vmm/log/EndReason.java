package dev.lockstep.vmm.log;

/** Why a log, and with it a run of a machine, came to its end. The order is part of the format. */
public enum EndReason {
  /** The guest wrote to the debug-exit port; the exit code is what it wrote. */
  GUEST_EXIT(true),
  /** The guest reset the machine (i8042, port 92h). */
  RESET(true),
  /** Triple fault. */
  TRIPLE_FAULT(true),
  /** HLT with interrupts off: nothing can wake the guest (this is how {@code poweroff} without ACPI ends). */
  HALTED_FOR_EVER(true),
  /** The operator stopped the machine. */
  STOPPED(false),
  /** The engine met something it cannot execute. */
  UNSUPPORTED(true),
  /** This replica handed the guest over, or lost arbitration. */
  HANDED_OVER(false),
  /** A replay came to where the log is not certain any further ({@link LogEntry.UncertainFrom}). Never in a log. */
  UNCERTAIN(false),
  /** A replay came to where it was to stop. Never in a log. */
  TARGET(false);

  private final boolean byGuest;

  EndReason(boolean byGuest) {
    this.byGuest = byGuest;
  }

  /** Whether a log can end with it: the others are ends of replays. */
  public boolean endsLogs() {
    return this != UNCERTAIN && this != TARGET;
  }

  /** Whether the guest's own execution led there, so that a replay comes to the same end by itself. */
  public boolean byGuest() {
    return byGuest;
  }
}
