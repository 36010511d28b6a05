package dev.lockstep.softcpu;

/** What follows each opcode, and who makes its operation: the one- and two-byte opcode maps (Intel SDM vol. 2D, appendix A). */
final class OpcodeTable {
  /** A ModRM byte follows. */
  static final int MODRM = 1;

  /** An 8-bit immediate, sign-extended. */
  static final int IMM8 = 1 << 1;

  /** An immediate of the operand size, at most 4 bytes, sign-extended. */
  static final int IMMZ = 1 << 2;

  /** An immediate of the operand size, up to 8 bytes. */
  static final int IMMV = 1 << 3;

  /** A 16-bit immediate, zero-extended; with {@link #IMM8} followed by a byte (ENTER). */
  static final int IMM16 = 1 << 4;

  /** An address of the address size. */
  static final int MOFFS = 1 << 5;

  /** A far pointer: an offset of the operand size, a selector. */
  static final int FAR = 1 << 6;

  /** Immediate only where ModRM.reg is 0 or 1 (group 3). */
  static final int GROUP3 = 1 << 7;

  /** Does not exist in 64-bit mode. */
  static final int NO64 = 1 << 8;

  /** Operand size 64 by default in 64-bit mode, 16 with prefix 66. */
  static final int DEFAULT64 = 1 << 9;

  /** Operand size 64 always in 64-bit mode. */
  static final int FORCE64 = 1 << 10;

  /** A relative displacement as the immediate: of 4 bytes in 64-bit mode whatever the prefixes. */
  static final int RELATIVE = 1 << 11;

  /** ModRM always names registers (MOV to and from control and debug registers). */
  static final int REGISTERS = 1 << 12;

  /** Made by {@link SystemDecode}. */
  static final int SYSTEM = 1 << 13;

  /** Made by {@link FpDecode}. */
  static final int FP = 1 << 14;

  /** Does not exist. */
  static final int UNDEFINED = 1 << 15;

  private static final int[] FLAGS = new int[0x200];

  static {
    oneByte();
    twoByte();
  }

  private OpcodeTable() {}

  /** The flags of an opcode numbered as in {@link Insn#opcode}, 0..0x1ff. */
  static int flags(int opcode) {
    return FLAGS[opcode];
  }

  private static void set(int from, int to, int flags) {
    for (int i = from; i <= to; i++) {
      FLAGS[i] = flags;
    }
  }

  private static void set(int opcode, int flags) {
    FLAGS[opcode] = flags;
  }

  private static void oneByte() {
    for (int alu = 0; alu < 0x40; alu += 8) {
      set(alu, alu + 3, MODRM);
      set(alu + 4, IMM8);
      set(alu + 5, IMMZ);
    }
    for (int segment : new int[] {0x06, 0x0e, 0x16, 0x1e}) {
      set(segment, NO64);
    }
    for (int segment : new int[] {0x07, 0x17, 0x1f}) {
      set(segment, NO64 | SYSTEM);
    }
    for (int bcd : new int[] {0x27, 0x2f, 0x37, 0x3f}) {
      set(bcd, NO64);
    }
    set(0x40, 0x4f, NO64);
    set(0x50, 0x5f, DEFAULT64);
    set(0x60, 0x61, NO64);
    set(0x62, NO64 | MODRM);
    set(0x63, MODRM);
    set(0x68, IMMZ | DEFAULT64);
    set(0x69, MODRM | IMMZ);
    set(0x6a, IMM8 | DEFAULT64);
    set(0x6b, MODRM | IMM8);
    set(0x6c, 0x6f, SYSTEM);
    set(0x70, 0x7f, IMM8 | RELATIVE | FORCE64);
    set(0x80, MODRM | IMM8);
    set(0x81, MODRM | IMMZ);
    set(0x82, MODRM | IMM8 | NO64);
    set(0x83, MODRM | IMM8);
    set(0x84, 0x8b, MODRM);
    set(0x8c, MODRM | SYSTEM);
    set(0x8d, MODRM);
    set(0x8e, MODRM | SYSTEM);
    set(0x8f, MODRM | DEFAULT64);
    set(0x9a, FAR | NO64 | SYSTEM);
    set(0x9b, FP);
    set(0x9c, 0x9d, DEFAULT64 | SYSTEM);
    set(0xa0, 0xa3, MOFFS);
    set(0xa8, IMM8);
    set(0xa9, IMMZ);
    set(0xb0, 0xb7, IMM8);
    set(0xb8, 0xbf, IMMV);
    set(0xc0, 0xc1, MODRM | IMM8);
    set(0xc2, IMM16 | FORCE64);
    set(0xc3, FORCE64);
    set(0xc4, 0xc5, MODRM | NO64 | SYSTEM);
    set(0xc6, MODRM | IMM8);
    set(0xc7, MODRM | IMMZ);
    set(0xc8, IMM16 | IMM8 | DEFAULT64);
    set(0xc9, DEFAULT64);
    set(0xca, IMM16 | SYSTEM);
    set(0xcb, 0xcc, SYSTEM);
    set(0xcd, IMM8 | SYSTEM);
    set(0xce, NO64 | SYSTEM);
    set(0xcf, SYSTEM);
    set(0xd0, 0xd3, MODRM);
    set(0xd4, 0xd5, IMM8 | NO64);
    set(0xd6, NO64);
    set(0xd8, 0xdf, MODRM | FP);
    set(0xe0, 0xe3, IMM8 | RELATIVE | FORCE64);
    set(0xe4, 0xe7, IMM8 | SYSTEM);
    set(0xe8, 0xe9, IMMZ | RELATIVE | FORCE64);
    set(0xea, FAR | NO64 | SYSTEM);
    set(0xeb, IMM8 | RELATIVE | FORCE64);
    set(0xec, 0xef, SYSTEM);
    set(0xf1, SYSTEM);
    set(0xf4, SYSTEM);
    set(0xf6, 0xf7, MODRM | GROUP3);
    set(0xfa, 0xfb, SYSTEM);
    set(0xfe, 0xff, MODRM);
  }

  private static void twoByte() {
    set(0x100, 0x1ff, UNDEFINED);
    set(0x100, 0x103, MODRM | SYSTEM);
    set(0x105, 0x109, SYSTEM);
    set(0x10d, MODRM);
    set(0x110, 0x117, MODRM | FP);
    set(0x118, 0x11f, MODRM);
    set(0x120, 0x123, MODRM | REGISTERS | SYSTEM);
    set(0x128, 0x12f, MODRM | FP);
    set(0x130, 0x135, SYSTEM);
    set(0x140, 0x14f, MODRM);
    set(0x150, 0x16f, MODRM | FP);
    set(0x170, 0x173, MODRM | IMM8 | FP);
    set(0x174, 0x176, MODRM | FP);
    set(0x177, FP);
    set(0x17e, 0x17f, MODRM | FP);
    set(0x180, 0x18f, IMMZ | RELATIVE | FORCE64);
    set(0x190, 0x19f, MODRM);
    set(0x1a0, DEFAULT64);
    set(0x1a1, DEFAULT64 | SYSTEM);
    set(0x1a2, SYSTEM);
    set(0x1a3, MODRM);
    set(0x1a4, MODRM | IMM8);
    set(0x1a5, MODRM);
    set(0x1a8, DEFAULT64);
    set(0x1a9, DEFAULT64 | SYSTEM);
    set(0x1ab, MODRM);
    set(0x1ac, MODRM | IMM8);
    set(0x1ad, MODRM);
    set(0x1ae, MODRM | FP);
    set(0x1af, 0x1b1, MODRM);
    set(0x1b2, MODRM | SYSTEM);
    set(0x1b3, MODRM);
    set(0x1b4, 0x1b5, MODRM | SYSTEM);
    set(0x1b6, 0x1b7, MODRM);
    set(0x1ba, MODRM | IMM8);
    set(0x1bb, 0x1bf, MODRM);
    set(0x1c0, 0x1c1, MODRM);
    set(0x1c2, MODRM | IMM8 | FP);
    set(0x1c3, MODRM);
    set(0x1c4, 0x1c6, MODRM | IMM8 | FP);
    set(0x1c7, MODRM);
    set(0x1c8, 0x1cf, 0);
    set(0x1d0, 0x1fe, MODRM | FP);
  }
}
