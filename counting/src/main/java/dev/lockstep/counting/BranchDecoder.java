package dev.lockstep.counting;

/**
 * Tells branches by their bytes: legacy prefixes, REX, one- and two-byte opcodes (Intel SDM vol. 2 chapter 2 and appendix A). Reused; holds what it decoded last.
 *
 * <p>Everything else is {@link Transfer#NONE}, whatever it is: VEX, EVEX and the longer maps hold no branches. A prefix 66 on a near branch in 64-bit mode is ignored, as Intel's CPUs and the soft engine do; AMD's cut RIP to
 * 16 bits there, which no compiler emits.
 */
public final class BranchDecoder {
  /** Bytes to hand in, if the guest has as many: no instruction is longer. */
  public static final int MAX_BYTES = 15;

  private Transfer kind = Transfer.NONE;
  private long next;
  private long target;

  /** What {@link #decode} found. */
  public Transfer kind() {
    return kind;
  }

  /** For {@link Transfer#CONDITIONAL}: RIP if it is not taken. */
  public long next() {
    return next;
  }

  /** For {@link Transfer#CONDITIONAL}: RIP if it is taken. */
  public long target() {
    return target;
  }

  /**
   * Decodes one instruction.
   *
   * @param rip its offset within CS
   * @param code its bytes from index 0 on
   * @param length how many could be read, 0..15
   * @param bits the code segment's default: 16, 32 or 64
   */
  public Transfer decode(long rip, byte[] code, int length, int bits) {
    kind = Transfer.NONE;
    int at = 0;
    boolean operandSize = false;
    while (at < length && isPrefix(code[at] & 0xff, bits)) {
      operandSize |= code[at] == 0x66;
      at++;
    }
    if (at >= length) {
      return kind;
    }
    int opcode = code[at++] & 0xff;
    boolean wide = bits == 64 || bits == 32 != operandSize;
    if (opcode == 0x0f) {
      return at < length ? twoBytes(rip, code, at, length, bits, wide) : kind;
    }
    kind = oneByte(opcode, at < length ? code[at] & 0xff : -1, bits);
    if (kind == Transfer.CONDITIONAL) {
      if (at < length) {
        conditional(rip, at + 1, code[at], bits, wide);
      } else {
        kind = Transfer.NONE;
      }
    }
    return kind;
  }

  private Transfer twoBytes(long rip, byte[] code, int second, int length, int bits, boolean wide) {
    int opcode = code[second] & 0xff;
    switch (opcode) {
      case 0x05, 0x07, 0x34, 0x35 -> kind = Transfer.SYSTEM_CALL;
      default -> {
        int at = second + 1;
        int size = wide ? 4 : 2;
        if (opcode >> 4 == 8 && at + size <= length) {
          kind = Transfer.CONDITIONAL;
          int low = code[at] & 0xff | (code[at + 1] & 0xff) << 8;
          int displacement =
              wide ? low | (code[at + 2] & 0xff) << 16 | code[at + 3] << 24 : (short) low;
          conditional(rip, at + size, displacement, bits, wide);
        }
      }
    }
    return kind;
  }

  private void conditional(long rip, int length, long displacement, int bits, boolean wide) {
    long mask = bits == 64 ? -1 : wide ? 0xffff_ffffL : 0xffff;
    // A branch that is not taken is not cut to 16 bits.
    next = bits == 64 ? rip + length : rip + length & 0xffff_ffffL;
    target = next + displacement & mask;
  }

  private static Transfer oneByte(int opcode, int modrm, int bits) {
    if (opcode >> 4 == 7 || opcode >= 0xe0 && opcode <= 0xe3) {
      return Transfer.CONDITIONAL;
    }
    return switch (opcode) {
      case 0xe8, 0xe9, 0xeb, 0xc2, 0xc3 -> Transfer.NEAR;
      case 0xca, 0xcb, 0xcf -> Transfer.FAR;
      case 0x9a, 0xea -> bits == 64 ? Transfer.NONE : Transfer.FAR;
      case 0xcc, 0xcd, 0xf1 -> Transfer.SOFTWARE_INTERRUPT;
      case 0xce -> bits == 64 ? Transfer.NONE : Transfer.INTERRUPT_ON_OVERFLOW;
      case 0xff -> group5(modrm);
      default -> Transfer.NONE;
    };
  }

  /** FF /2../5: CALL, far CALL, JMP, far JMP; the far ones have no register form. */
  private static Transfer group5(int modrm) {
    if (modrm < 0) {
      return Transfer.NONE;
    }
    return switch (modrm >> 3 & 7) {
      case 2, 4 -> Transfer.NEAR;
      case 3, 5 -> modrm >> 6 == 3 ? Transfer.NONE : Transfer.FAR;
      default -> Transfer.NONE;
    };
  }

  private static boolean isPrefix(int octet, int bits) {
    return switch (octet) {
      case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3 -> true;
      default -> bits == 64 && octet >> 4 == 4;
    };
  }
}
