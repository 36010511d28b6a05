package dev.lockstep.vmm.tsc;

import java.util.Arrays;

/**
 * Lengths of x86-64 instructions in 64-bit mode: every encoding of the legacy, 0F, 0F38, 0F3A, VEX and EVEX maps, whether or not this project's own CPU has the instruction. Says where the next
 * instruction begins, nothing else (Intel SDM vol. 2 chapter 2 and appendix A; AMD APM vol. 3 appendix A for SSE4a and 3DNow!).
 *
 * <p>Encodings that raise #UD by their registers alone have a length as well: where they end is defined by their format. XOP, REX2 and maps that no manual defines are {@link #INVALID}.
 */
final class InstructionLength {
  /** No instruction has this encoding. */
  static final int INVALID = -1;

  /** The bytes end within the instruction. */
  static final int TRUNCATED = -2;

  /** Longer ones raise #GP. */
  static final int MAX = 15;

  // What follows an opcode.
  private static final int NONE = 0;
  private static final int MODRM = 1;

  /** An 8-bit immediate or displacement. */
  private static final int IMM8 = 2;

  private static final int IMM16 = 4;

  /** 16 bits with 66 and without REX.W, else 32. */
  private static final int IMMZ = 8;

  /** A displacement of 32 bits whatever the prefixes are (Intel; AMD takes 16 after 66). */
  private static final int REL32 = 16;

  /** An absolute address: 64 bits, 32 with prefix 67. */
  private static final int MOFFS = 32;

  /** 16, 32 or 64 bits by 66 and REX.W. */
  private static final int IMMV = 64;

  private static final int PREFIX = 128;
  private static final int BAD = 256;

  /** A ModRM byte whose registers alone count: no SIB, no displacement, whatever its mod says. */
  private static final int REGISTERS = 512;

  private static final int[] ONE_BYTE = oneByte();
  private static final int[] ESCAPE_0F = escape0f();
  private static final int[] VECTOR_0F = vector0f();

  private final byte[] code;
  private int end;
  private int at;
  private boolean operandSize;
  private boolean addressSize;
  private boolean repeatPrefix;
  private boolean mandatoryF2;
  private boolean lock;
  private int rex;

  /**
   * @param code what holds the instructions; read at each call
   */
  InstructionLength(byte[] code) {
    this.code = code;
  }

  /** Bytes of the instruction at an offset, {@link #INVALID} or {@link #TRUNCATED}. */
  int at(int offset) {
    end = Math.min(code.length, offset + MAX);
    at = offset;
    operandSize = false;
    addressSize = false;
    repeatPrefix = false;
    mandatoryF2 = false;
    lock = false;
    rex = 0;
    boolean fits = opcode();
    if (at > end) {
      return offset + MAX > code.length ? TRUNCATED : INVALID;
    }
    return fits ? at - offset : INVALID;
  }

  /** Whether a byte before an opcode is a legacy prefix or REX. */
  static boolean isPrefix(int octet) {
    return (ONE_BYTE[octet] & PREFIX) != 0;
  }

  private boolean opcode() {
    int opcode = next();
    while (opcode >= 0 && (ONE_BYTE[opcode] & PREFIX) != 0) {
      prefix(opcode);
      opcode = next();
    }
    return switch (opcode) {
      case -1 -> false;
      case 0x0f -> escape();
      case 0xc4, 0xc5 -> vex(opcode);
      case 0x62 -> evex();
      case 0xf6, 0xf7 -> test(opcode);
      case 0x8f -> pop();
      default -> follow(ONE_BYTE[opcode]);
    };
  }

  private void prefix(int prefix) {
    // REX counts only where it stands right before the opcode.
    rex = (prefix & 0xf0) == 0x40 ? prefix : 0;
    switch (prefix) {
      case 0x66 -> operandSize = true;
      case 0x67 -> addressSize = true;
      case 0xf0 -> lock = true;
      case 0xf2 -> {
        mandatoryF2 = true;
        repeatPrefix = true;
      }
      case 0xf3 -> {
        mandatoryF2 = false;
        repeatPrefix = true;
      }
      default -> {}
    }
  }

  /** TEST is the only one of its group with an immediate. */
  private boolean test(int opcode) {
    int modrm = peek();
    if (modrm >= 0 && (modrm & 0x38) <= 0x08) {
      return follow(MODRM | (opcode == 0xf6 ? IMM8 : IMMZ));
    }
    return follow(MODRM);
  }

  /** 8F /0 is POP; with other registers it is AMD's XOP, or nothing. */
  private boolean pop() {
    int modrm = peek();
    return modrm < 0 ? follow(MODRM) : (modrm & 0x38) == 0 && follow(MODRM);
  }

  private boolean escape() {
    int opcode = next();
    return switch (opcode) {
      case -1 -> false;
      case 0x38 -> next() < 0 || follow(MODRM);
      case 0x3a -> next() < 0 || follow(MODRM | IMM8);
      // EXTRQ and INSERTQ of SSE4a; VMREAD without a prefix.
      case 0x78 -> follow(operandSize || mandatoryF2 ? MODRM | IMM16 : MODRM);
      default -> follow(ESCAPE_0F[opcode]);
    };
  }

  private boolean vex(int first) {
    int map = 1;
    if (first == 0xc4) {
      int second = next();
      map = second < 0 ? 1 : second & 0x1f;
    }
    next();
    if (operandSize || repeatPrefix || lock || rex != 0) {
      return false;
    }
    return vector(map, 3);
  }

  private boolean evex() {
    int first = next();
    int second = next();
    next();
    if (operandSize || repeatPrefix || lock || rex != 0) {
      return false;
    }
    // Fixed bits tell it from BOUND, and from encodings yet to come (Intel SDM vol. 2A 2.7.1).
    if (first >= 0 && (first & 8) != 0 || second >= 0 && (second & 4) == 0) {
      return false;
    }
    return vector(first < 0 ? 1 : first & 7, 6);
  }

  private boolean vector(int map, int lastMap) {
    int opcode = next();
    if (opcode < 0) {
      return false;
    }
    return switch (map) {
      case 1 -> follow(VECTOR_0F[opcode]);
      case 2 -> follow(MODRM);
      case 3 -> follow(MODRM | IMM8);
      // AVX512-FP16.
      case 5, 6 -> map <= lastMap && follow(MODRM);
      default -> false;
    };
  }

  /** Passes what follows the opcode. */
  private boolean follow(int what) {
    if ((what & BAD) != 0) {
      return false;
    }
    if ((what & MODRM) != 0) {
      modrm();
    }
    boolean wide = (rex & 8) != 0;
    int z = operandSize && !wide ? 2 : 4;
    at += (what & REGISTERS) != 0 ? 1 : 0;
    at += (what & IMM8) != 0 ? 1 : 0;
    at += (what & IMM16) != 0 ? 2 : 0;
    at += (what & IMMZ) != 0 ? z : 0;
    at += (what & REL32) != 0 ? 4 : 0;
    at += (what & MOFFS) != 0 ? (addressSize ? 4 : 8) : 0;
    at += (what & IMMV) != 0 ? (wide ? 8 : z) : 0;
    return true;
  }

  /** ModRM, SIB and displacement (Intel SDM vol. 2A tables 2-2 and 2-3). */
  private void modrm() {
    int modrm = next();
    if (modrm < 0) {
      return;
    }
    int mod = modrm >> 6;
    int rm = modrm & 7;
    if (mod == 3) {
      return;
    }
    if (rm == 4) {
      int sib = next();
      if (sib < 0) {
        return;
      }
      rm = sib & 7;
    }
    if (mod == 1) {
      at += 1;
    } else if (mod == 2 || rm == 5) {
      at += 4;
    }
  }

  /** The next byte, or -1 with the position behind the end. */
  private int next() {
    if (at >= end) {
      at = end + 1;
      return -1;
    }
    return code[at++] & 0xff;
  }

  private int peek() {
    return at < end ? code[at] & 0xff : -1;
  }

  private static int[] oneByte() {
    int[] t = new int[256];
    for (int row = 0; row < 0x40; row += 8) {
      set(t, MODRM, row, row + 3);
      t[row + 4] = IMM8;
      t[row + 5] = IMMZ;
      set(t, BAD, row + 6, row + 7);
    }
    set(t, PREFIX, 0x26, 0x26);
    set(t, PREFIX, 0x2e, 0x2e);
    set(t, PREFIX, 0x36, 0x36);
    set(t, PREFIX, 0x3e, 0x3e);
    set(t, PREFIX, 0x40, 0x4f);
    set(t, BAD, 0x60, 0x62);
    t[0x63] = MODRM;
    set(t, PREFIX, 0x64, 0x67);
    t[0x68] = IMMZ;
    t[0x69] = MODRM | IMMZ;
    t[0x6a] = IMM8;
    t[0x6b] = MODRM | IMM8;
    set(t, IMM8, 0x70, 0x7f);
    t[0x80] = MODRM | IMM8;
    t[0x81] = MODRM | IMMZ;
    t[0x82] = BAD;
    t[0x83] = MODRM | IMM8;
    set(t, MODRM, 0x84, 0x8f);
    t[0x9a] = BAD;
    set(t, MOFFS, 0xa0, 0xa3);
    t[0xa8] = IMM8;
    t[0xa9] = IMMZ;
    set(t, IMM8, 0xb0, 0xb7);
    set(t, IMMV, 0xb8, 0xbf);
    upperOneByte(t);
    return t;
  }

  private static void upperOneByte(int[] t) {
    set(t, MODRM | IMM8, 0xc0, 0xc1);
    t[0xc2] = IMM16;
    t[0xc6] = MODRM | IMM8;
    t[0xc7] = MODRM | IMMZ;
    t[0xc8] = IMM16 | IMM8;
    t[0xca] = IMM16;
    t[0xcd] = IMM8;
    t[0xce] = BAD;
    set(t, MODRM, 0xd0, 0xd3);
    set(t, BAD, 0xd4, 0xd6);
    set(t, MODRM, 0xd8, 0xdf);
    set(t, IMM8, 0xe0, 0xe7);
    set(t, REL32, 0xe8, 0xe9);
    t[0xea] = BAD;
    t[0xeb] = IMM8;
    t[0xf0] = PREFIX;
    set(t, PREFIX, 0xf2, 0xf3);
    set(t, MODRM, 0xfe, 0xff);
  }

  private static int[] escape0f() {
    int[] t = new int[256];
    Arrays.fill(t, MODRM);
    for (int bad : new int[] {0x04, 0x0a, 0x0c, 0x36, 0x39, 0x7a, 0x7b}) {
      t[bad] = BAD;
    }
    set(t, NONE, 0x05, 0x09);
    t[0x0b] = NONE;
    t[0x0e] = NONE;
    t[0x0f] = MODRM | IMM8;
    set(t, REGISTERS, 0x20, 0x23);
    set(t, BAD, 0x24, 0x27);
    set(t, NONE, 0x30, 0x35);
    t[0x37] = NONE;
    set(t, BAD, 0x3b, 0x3f);
    set(t, MODRM | IMM8, 0x70, 0x73);
    t[0x77] = NONE;
    set(t, REL32, 0x80, 0x8f);
    set(t, NONE, 0xa0, 0xa2);
    t[0xa4] = MODRM | IMM8;
    set(t, NONE, 0xa8, 0xaa);
    t[0xac] = MODRM | IMM8;
    t[0xba] = MODRM | IMM8;
    t[0xc2] = MODRM | IMM8;
    set(t, MODRM | IMM8, 0xc4, 0xc6);
    set(t, NONE, 0xc8, 0xcf);
    return t;
  }

  private static int[] vector0f() {
    int[] t = new int[256];
    Arrays.fill(t, MODRM);
    set(t, MODRM | IMM8, 0x70, 0x73);
    t[0x77] = NONE;
    t[0xc2] = MODRM | IMM8;
    set(t, MODRM | IMM8, 0xc4, 0xc6);
    return t;
  }

  private static void set(int[] table, int what, int first, int last) {
    Arrays.fill(table, first, last + 1, what);
  }
}
