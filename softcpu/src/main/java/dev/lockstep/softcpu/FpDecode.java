package dev.lockstep.softcpu;

/** Makes operations of the x87, MMX, SSE and SSE2 instructions. */
final class FpDecode {
  private FpDecode() {}

  /** The operation, or {@link UndefinedOp} where the form does not exist. */
  static Op decode(Insn insn) {
    return new UnsupportedOp(
        insn, "floating-point or vector instruction, opcode %#x".formatted(insn.opcode));
  }
}
