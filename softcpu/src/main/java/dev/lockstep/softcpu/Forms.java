package dev.lockstep.softcpu;

/** The common kinds of operands, for the small classes of the hot forms. */
final class Forms {
  private Forms() {}

  /** Two registers; the first is the destination. */
  abstract static class Registers extends Op {
    final int d;
    final int s;

    Registers(int d, int s) {
      this.d = d;
      this.s = s;
    }
  }

  /** A register and a constant. */
  abstract static class Immediate extends Op {
    final int d;
    final long imm;

    Immediate(int d, long imm) {
      this.d = d;
      this.imm = imm;
    }
  }

  /** A register and memory, in the order the subclass says. */
  abstract static class RegisterMemory extends MemOp {
    final int d;

    RegisterMemory(Ea ea, int d) {
      super(ea);
      this.d = d;
    }
  }

  /** Memory and a constant. */
  abstract static class MemoryImmediate extends MemOp {
    final long imm;

    MemoryImmediate(Ea ea, long imm) {
      super(ea);
      this.imm = imm;
    }
  }
}
