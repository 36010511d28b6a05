package dev.lockstep.softcpu;

import org.jspecify.annotations.Nullable;

/** One instruction as its bytes say: what the decoder's tables find before an {@link Op} is made of it. */
final class Insn {
  /** A {@link CodeMode}. */
  final int mode;

  /** Offset in CS of its first byte. */
  final long rip;

  /** Offset in CS of the instruction after it, wrapped to the mode's width. */
  long nextRip;

  /** Bytes, 1..15. */
  int length;

  /** The bytes, as far as they were fetched; {@link #length} of them count. */
  final byte[] bytes = new byte[16];

  /** 0x00..0xff for one-byte opcodes, 0x100..0x1ff for those after 0F, 0x200.. after 0F 38, 0x300.. after 0F 3A. */
  int opcode;

  /** Operand size of the forms that are not byte forms: 2, 4 or 8. */
  int operandSize;

  /** Address size: 2, 4 or 8. */
  int addressSize;

  /** The last of F2 and F3 in front of it: 0xf2, 0xf3 or 0. */
  int repeat;

  /** Prefix 66. */
  boolean prefix66;

  /** Prefix F0. */
  boolean lock;

  /** The REX prefix, 0x40..0x4f, or 0. */
  int rex;

  /** The segment that a prefix names (index as in {@code CpuState}), or -1; prefixes without effect in 64-bit mode are not in it. */
  int segmentOverride = -1;

  /** The ModRM byte, or -1 for none. */
  int modrm = -1;

  /** ModRM.reg without REX: an opcode extension. */
  int extension;

  /** ModRM.reg with REX.R: a register. */
  int reg;

  /** ModRM.rm with REX.B where it names a register; for opcodes with a register in their low three bits, that one with REX.B. */
  int rm;

  /** The memory operand, or null where ModRM names a register or is not there. For opcodes with a moffs operand, that one. */
  @Nullable Ea ea;

  /** The immediate, sign-extended from its width; for relative branches the displacement; for far pointers the offset, zero-extended. */
  long immediate;

  /** ENTER's nesting level, a far pointer's selector. */
  int immediate2;

  /** Bytes of {@link #immediate}, 0 for none. */
  int immediateSize;

  Insn(int mode, long rip) {
    this.mode = mode;
    this.rip = rip;
  }

  boolean is64() {
    return mode == CodeMode.LONG64;
  }

  /** ModRM names a register. */
  boolean isRegister() {
    return modrm >= 0xc0;
  }

  /** The memory operand of a form that must have one. */
  Ea memory() {
    Ea operand = ea;
    if (operand == null) {
      throw new IllegalStateException(
          "opcode %#x at %#x has no memory operand".formatted(opcode, rip));
    }
    return operand;
  }

  /** The mask of an operand of {@link #operandSize} bytes. */
  long operandMask() {
    return operandSize == 8 ? -1L : (1L << 8 * operandSize) - 1;
  }

  @Override
  public String toString() {
    StringBuilder hex = new StringBuilder();
    for (int i = 0; i < length; i++) {
      hex.append("%02x".formatted(bytes[i]));
    }
    return "%s at %#x".formatted(hex, rip);
  }
}
