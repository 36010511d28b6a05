package dev.lockstep.softcpu;

/** Collects what an instruction reads and writes, for {@link RegisterUse}. Sizes are in bytes. */
final class UseBuilder {
  static final int RAX = 0;
  static final int RCX = 1;
  static final int RDX = 2;
  static final int RBX = 3;
  static final int RSP = 4;
  static final int RBP = 5;
  static final int RSI = 6;
  static final int RDI = 7;
  static final int R11 = 11;

  private final Insn insn;
  private long reads;
  private long writes;

  UseBuilder(Insn insn) {
    this.insn = insn;
  }

  RegisterUse build() {
    return new RegisterUse(reads, writes);
  }

  /** The size of a form whose lowest opcode bit tells bytes from the rest. */
  int size() {
    return (insn.opcode & 1) == 0 ? 1 : insn.operandSize;
  }

  UseBuilder read(int... registers) {
    for (int register : registers) {
      reads |= 1L << register;
    }
    return this;
  }

  /** Writes all of them. */
  UseBuilder write(int... registers) {
    for (int register : registers) {
      writes |= 1L << register;
    }
    return this;
  }

  UseBuilder change(int... registers) {
    return read(registers).write(registers);
  }

  /** Writes the low bytes of a general register. */
  UseBuilder writeLow(int register, int size) {
    return size < 4 ? change(register) : write(register);
  }

  // ---------------------------------------------------------------- what ModRM names

  /** The registers of the memory operand's address. */
  UseBuilder address() {
    Ea ea = insn.ea;
    if (ea != null) {
      if (ea.base != Cpu.ZERO) {
        read(ea.base);
      }
      if (ea.index != Cpu.ZERO) {
        read(ea.index);
      }
    }
    return this;
  }

  /** A general register by its encoding: of byte registers without REX, the upper four are AH to BH. */
  private int general(int register, int size) {
    return size == 1 && insn.rex == 0 && register >= 4 ? register & 3 : register;
  }

  UseBuilder readReg(int size) {
    return read(general(insn.reg, size));
  }

  UseBuilder writeReg(int size) {
    return writeLow(general(insn.reg, size), size);
  }

  /** The r/m operand, a general register or memory. */
  UseBuilder readRm(int size) {
    return insn.ea == null ? read(general(insn.rm, size)) : address();
  }

  UseBuilder writeRm(int size) {
    return insn.ea == null ? writeLow(general(insn.rm, size), size) : address();
  }

  UseBuilder changeRm(int size) {
    return readRm(size).writeRm(size);
  }

  // ---------------------------------------------------------------- what is implied

  /** Pushes or pops. */
  UseBuilder stack() {
    return change(RSP);
  }

  UseBuilder setFlags() {
    return write(RegisterUse.FLAGS);
  }

  UseBuilder readFlags() {
    return read(RegisterUse.FLAGS);
  }

  /** Goes to an address that it has from elsewhere. */
  UseBuilder jump() {
    return write(RegisterUse.INSTRUCTION_POINTER);
  }

  /** Goes to a distance from where it is, or saves that. */
  UseBuilder jumpFromHere() {
    return change(RegisterUse.INSTRUCTION_POINTER);
  }

  /** A string instruction's pointers, moved by the direction flag, and the counter if it is repeated. */
  UseBuilder string(int... pointers) {
    change(pointers).readFlags();
    return insn.repeat != 0 ? change(RCX) : this;
  }
}
