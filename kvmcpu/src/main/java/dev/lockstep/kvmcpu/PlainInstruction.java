package dev.lockstep.kvmcpu;

/**
 * Which instructions the processor can be trusted to single-step: those that touch registers and flags alone, cannot fault, and neither show nor change the trap flag. A fault would push the debugger's trap flag into the
 * guest's memory and let the handler run on; PUSHF and SYSCALL would show it; string instructions stop in chunks; STI and MOV SS put a stop off. (Intel SDM vol. 3B 18.3.1.4; facts measured by the probes.)
 */
final class PlainInstruction {
  private static final int OPERAND_SIZE = 0x66;
  private static final int TWO_BYTES = 0x0f;

  /** Bytes of a relative jump's displacement. */
  private static final int SHORT = 1, NEAR = 4;

  private PlainInstruction() {}

  /**
   * Whether the instruction is one of them. Anything not known is none.
   *
   * @param code its bytes
   * @param length how many of them are there
   * @param mode64 64-bit code; else 32-bit code
   */
  static boolean isAt(byte[] code, int length, boolean mode64) {
    int i = 0;
    while (i < length && (code[i] & 0xff) == OPERAND_SIZE) {
      i++;
    }
    if (i < length && mode64 && (code[i] & 0xf0) == 0x40) {
      i++;
    }
    if (i >= length) {
      return false;
    }
    int opcode = code[i] & 0xff;
    int next = i + 1 < length ? code[i + 1] & 0xff : -1;
    if (displacementBytes(opcode, next) > 0 && (code[0] & 0xff) == OPERAND_SIZE) {
      // It truncates RIP on some CPUs (AMD vol. 2 on near branches in 64-bit mode).
      return false;
    }
    if (opcode != TWO_BYTES) {
      return oneByte(opcode, next, mode64);
    }
    return next >= 0 && twoBytes(next, i + 2 < length ? code[i + 2] & 0xff : -1);
  }

  /**
   * Where a plain jump may go, from its own first byte; 0 for an instruction that is no jump.
   *
   * @param code {@link #isAt} said yes to it, and it is whole
   */
  static long reach(byte[] code, boolean mode64) {
    int i = mode64 && (code[0] & 0xf0) == 0x40 ? 1 : 0;
    int opcode = code[i] & 0xff;
    int bytes = displacementBytes(opcode, code[i + 1] & 0xff);
    if (bytes == 0) {
      return 0;
    }
    int at = i + (opcode == TWO_BYTES ? 2 : 1);
    long displacement = 0;
    for (int k = bytes - 1; k >= 0; k--) {
      displacement = displacement << Byte.SIZE | code[at + k] & (k == bytes - 1 ? -1 : 0xff);
    }
    return at + bytes + displacement;
  }

  /** Of a relative jump; 0 for anything else. */
  private static int displacementBytes(int opcode, int next) {
    if (opcode == TWO_BYTES) {
      return (next & 0xf0) == 0x80 ? NEAR : 0;
    }
    boolean near = opcode == 0xe9;
    boolean loop = (opcode & 0xfc) == 0xe0;
    return near ? NEAR : (opcode & 0xf0) == 0x70 || loop || opcode == 0xeb ? SHORT : 0;
  }

  private static boolean registers(int modRm) {
    return modRm >= 0xc0;
  }

  private static boolean oneByte(int opcode, int modRm, boolean mode64) {
    if (opcode < 0x40) {
      // ADD OR ADC SBB AND SUB XOR CMP: registers, or AL and EAX with an immediate.
      int form = opcode & 7;
      return form <= 3 ? registers(modRm) : form <= 5;
    }
    if (opcode < 0x50) {
      // INC and DEC; REX stood before.
      return !mode64;
    }
    return switch (opcode) {
      case 0x69, 0x6b, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b ->
          registers(modRm);
      case 0x63 -> mode64 && registers(modRm);
      // Jcc; LEA; XCHG and NOP; CBW, CWD; SAHF, LAHF; TEST with an immediate
      case 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77 -> true;
      case 0x78, 0x79, 0x7a, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f -> true;
      case 0x8d -> modRm >= 0 && !registers(modRm);
      case 0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99 -> true;
      case 0x9e, 0x9f -> !mode64;
      case 0xa8, 0xa9 -> true;
      // MOV of an immediate
      case 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7 -> true;
      case 0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf -> true;
      // MOV r/m, imm; shifts and rotations
      case 0xc6, 0xc7 -> registers(modRm) && (modRm & 0x38) == 0;
      case 0xc0, 0xc1, 0xd0, 0xd1, 0xd2, 0xd3 -> registers(modRm);
      // LOOPcc, JrCXZ; JMP
      case 0xe0, 0xe1, 0xe2, 0xe3, 0xe9, 0xeb -> true;
      // CMC, CLC, STC, CLD, STD
      case 0xf5, 0xf8, 0xf9, 0xfc, 0xfd -> true;
      // TEST NOT NEG MUL IMUL; a division may fault
      case 0xf6, 0xf7 -> registers(modRm) && (modRm >> 3 & 7) < 6;
      // INC DEC
      case 0xfe, 0xff -> registers(modRm) && (modRm >> 3 & 7) < 2;
      default -> false;
    };
  }

  private static boolean twoBytes(int opcode, int modRm) {
    return switch (opcode >> 4) {
      // CMOVcc; SETcc
      case 0x4, 0x9 -> registers(modRm);
      // Jcc
      case 0x8 -> true;
      default ->
          switch (opcode) {
            // BT BTS BTR BTC; SHLD SHRD; IMUL; CMPXCHG XADD; MOVZX MOVSX; BSF BSR
            case 0xa3, 0xab, 0xb3, 0xbb, 0xa4, 0xa5, 0xac, 0xad, 0xaf -> registers(modRm);
            case 0xb0, 0xb1, 0xc0, 0xc1, 0xb6, 0xb7, 0xbe, 0xbf, 0xbc, 0xbd -> registers(modRm);
            case 0xba -> registers(modRm) && (modRm & 0x20) != 0;
            // NOP; BSWAP
            case 0x1f -> true;
            case 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf -> true;
            default -> false;
          };
    };
  }
}
