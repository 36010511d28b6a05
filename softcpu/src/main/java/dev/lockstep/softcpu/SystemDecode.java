package dev.lockstep.softcpu;

/** Makes operations of the system instructions: segment loads, far transfers, flags with IOPL, ports, control and debug registers, MSRs, descriptor tables. */
final class SystemDecode {
  private SystemDecode() {}

  /** The operation, or {@link UndefinedOp} where the form does not exist. */
  static Op decode(Insn insn) {
    return new UnsupportedOp(insn, "system instruction, opcode %#x".formatted(insn.opcode));
  }
}
