package dev.lockstep.engine;

/**
 * What a branch count counts. An event log names the semantics it was recorded with, and only an engine that can count the same way may replay it.
 */
public enum BranchSemantics {
  /**
   * Every control transfer, once: near and far JMP, CALL and RET; Jcc, LOOPcc and JrCXZ whether taken or not; INT n, INT3, INTO, INT1, IRET, SYSCALL, SYSRET, SYSENTER, SYSEXIT; and each delivery of an
   * exception, external interrupt or NMI. A software interrupt is one transfer, not an instruction plus a delivery. Between two transfers straight-line code passes each address once, so (count, RIP,
   * RCX) names one moment.
   */
  ALL_TRANSFERS,

  /**
   * Retired conditional branches, taken or not: Jcc, LOOPcc, JrCXZ (Intel SDM vol. 3B ch. 20, BR_INST_RETIRED.COND). The semantics of the hardware counters that stay exact; points may repeat and
   * need a register digest to be told apart.
   */
  CONDITIONAL,

  /**
   * No branches at all: the exits that the guest makes in program order, each once: reads and writes of ports and of device memory, and HLT. What engines without a counter can do; points exist only just behind such an exit.
   */
  ANCHORS
}
