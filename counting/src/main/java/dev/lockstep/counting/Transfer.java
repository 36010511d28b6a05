package dev.lockstep.counting;

/** What an instruction is to a branch counter. */
public enum Transfer {
  /** Goes on to the next address, unless it faults. */
  NONE,

  /** Jcc, LOOPcc, JrCXZ. */
  CONDITIONAL,

  /** Near JMP, CALL and RET. */
  NEAR,

  /** Far JMP, CALL and RET, and IRET. */
  FAR,

  /** INT n, INT3, INT1; INTO counts only if OF is set, since else nothing is transferred. */
  SOFTWARE_INTERRUPT,

  /** INTO. */
  INTERRUPT_ON_OVERFLOW,

  /** SYSCALL, SYSRET, SYSENTER, SYSEXIT. */
  SYSTEM_CALL
}
