package dev.lockstep.softcpu;

/**
 * Which registers an instruction reads and writes, by its bytes alone: what a model of a pipeline needs to know which instruction waits for which. Registers are numbered 0..{@link #COUNT}-1: general registers as they are
 * encoded, then the constants here. Not among them: segment, control, debug and model-specific registers, and MXCSR.
 *
 * <p>Of a general or XMM register that is written in part, the rest is kept, so that it counts as read; 32-bit writes clear the rest in 64-bit mode. Flags that an instruction keeps do not make it read them. The
 * instruction pointer is there for control transfers only: written by them, read by those that go to a distance from it or save it.
 *
 * @param reads a bit for each register
 * @param writes a bit for each register
 */
public record RegisterUse(long reads, long writes) {
  /** RFLAGS, arithmetic and others. */
  public static final int FLAGS = 16;

  /** RIP. */
  public static final int INSTRUCTION_POINTER = 17;

  /** XMM0, followed by the others. */
  public static final int XMM = 18;

  /** All of the x87's registers, which MMX's are part of. */
  public static final int FPU = XMM + 16;

  /** How many registers there are. */
  public static final int COUNT = FPU + 1;

  /**
   * That of one instruction. Of bytes that are no instruction: none.
   *
   * @param bits 64, 32 or 16: what its bytes are decoded for
   * @param code all of its bytes, no more
   * @throws IllegalArgumentException if they are not one whole instruction
   */
  public static RegisterUse of(int bits, byte[] code) {
    int mode =
        switch (bits) {
          case 64 -> CodeMode.LONG64;
          case 32 -> CodeMode.PROT32;
          case 16 -> CodeMode.PROT16;
          default -> throw new IllegalArgumentException("code for %d bits".formatted(bits));
        };
    byte[] window = new byte[Decoder.MAX_LENGTH];
    System.arraycopy(code, 0, window, 0, Math.min(code.length, window.length));
    Insn insn = new Decoder().decode(mode, 0, window, window.length);
    if (insn.length != code.length) {
      throw new IllegalArgumentException(
          "%d bytes, and the instruction is %s".formatted(code.length, insn));
    }
    if (OpDecode.decode(insn) instanceof UndefinedOp) {
      return new RegisterUse(0, 0);
    }
    UseBuilder use = new UseBuilder(insn);
    int opcode = insn.opcode;
    if ((OpcodeTable.flags(opcode) & OpcodeTable.FP) != 0) {
      FpUse.add(use, insn);
    } else if (opcode >= 0x100) {
      IntegerUse0F.add(use, insn);
    } else {
      IntegerUse.add(use, insn);
    }
    return use.build();
  }

  /** Whether a register is read. */
  public boolean reads(int register) {
    return (reads >> register & 1) != 0;
  }

  /** Whether a register is written. */
  public boolean writes(int register) {
    return (writes >> register & 1) != 0;
  }
}
