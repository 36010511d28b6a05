package dev.lockstep.vmm.trace;

import org.jspecify.annotations.Nullable;

/** What kind of control transfer an instruction is (Intel SDM vol. 2, appendix A). */
public enum BranchKind {
  /** Jcc, LOOPcc, JrCXZ. */
  CONDITIONAL,
  /** JMP rel. */
  JUMP,
  /** JMP r/m. */
  INDIRECT_JUMP,
  /** CALL rel. */
  CALL,
  /** CALL r/m. */
  INDIRECT_CALL,
  /** RET. */
  RETURN,
  /** Far JMP, CALL and RET, IRET, INT n, SYSCALL and its like. */
  FAR;

  /** The kind of an instruction; null if it goes to the next one always. */
  static @Nullable BranchKind of(byte[] code, int bits) {
    int at = opcodeAt(code, bits);
    if (at >= code.length) {
      return null;
    }
    int opcode = code[at] & 0xff;
    int next = at + 1 < code.length ? code[at + 1] & 0xff : 0;
    if (opcode == 0x0f) {
      return ofTwoBytes(next);
    }
    if (opcode >= 0x70 && opcode <= 0x7f || opcode >= 0xe0 && opcode <= 0xe3) {
      return CONDITIONAL;
    }
    return switch (opcode) {
      case 0xe8 -> CALL;
      case 0xe9, 0xeb -> JUMP;
      case 0xc2, 0xc3 -> RETURN;
      case 0x9a, 0xce, 0xea -> bits == 64 ? null : FAR;
      case 0xca, 0xcb, 0xcc, 0xcd, 0xcf, 0xf1 -> FAR;
      case 0xff -> ofGroup5(next >> 3 & 7);
      default -> null;
    };
  }

  /** Whether an instruction is CMPS, the one that loads two operands that may lie side by side. */
  static boolean comparesStrings(byte[] code, int bits) {
    int at = opcodeAt(code, bits);
    return at < code.length && (code[at] & 0xfe) == 0xa6;
  }

  /** Where the opcode begins. */
  private static int opcodeAt(byte[] code, int bits) {
    int at = 0;
    while (at < code.length && isPrefix(code[at] & 0xff, bits)) {
      at++;
    }
    return at;
  }

  private static @Nullable BranchKind ofTwoBytes(int opcode) {
    if (opcode >= 0x80 && opcode <= 0x8f) {
      return CONDITIONAL;
    }
    return switch (opcode) {
      case 0x05, 0x07, 0x34, 0x35 -> FAR;
      default -> null;
    };
  }

  private static @Nullable BranchKind ofGroup5(int extension) {
    return switch (extension) {
      case 2 -> INDIRECT_CALL;
      case 4 -> INDIRECT_JUMP;
      case 3, 5 -> FAR;
      default -> null;
    };
  }

  private static boolean isPrefix(int b, int bits) {
    return switch (b) {
      case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3 -> true;
      default -> bits == 64 && b >> 4 == 4;
    };
  }
}
