package dev.lockstep.softcpu.x64;

import java.util.Arrays;

/**
 * Writes x86-64 instructions (Intel SDM vol. 2). Registers are numbers 0..15 in encoding order, sizes are 1, 2, 4 or 8 bytes; a byte register is always the low byte, so that 4..7 are SPL BPL SIL DIL,
 * but where a method says otherwise. A result of 4 bytes clears the register's upper half. Memory operands are {@link Mem}.
 */
public final class Assembler {
  public static final int RAX = 0, RCX = 1, RDX = 2, RBX = 3, RSP = 4, RBP = 5, RSI = 6, RDI = 7;
  public static final int R8 = 8,
      R9 = 9,
      R10 = 10,
      R11 = 11,
      R12 = 12,
      R13 = 13,
      R14 = 14,
      R15 = 15;

  /** Numbers of the arithmetic operations, as their opcodes have them. */
  public static final int ADD = 0, OR = 1, ADC = 2, SBB = 3, AND = 4, SUB = 5, XOR = 6, CMP = 7;

  /** Numbers of shifts and rotates. */
  public static final int ROL = 0, ROR = 1, SHL = 4, SHR = 5, SAR = 7;

  /** Numbers of the operations of group 3 (F6, F7). */
  public static final int NOT = 2, NEG = 3, MUL = 4, IMUL = 5, DIV = 6, IDIV = 7;

  /** Condition codes. */
  public static final int CC_C = 2,
      CC_NC = 3,
      CC_E = 4,
      CC_NE = 5,
      CC_BE = 6,
      CC_A = 7,
      CC_NS = 9,
      CC_LE = 14;

  private static final int NONE = -1;

  /**
   * A memory operand.
   *
   * @param base a register
   * @param index a register but RSP, or -1
   * @param scale log2 of the index's factor
   */
  public record Mem(int base, int index, int scale, int displacement) {
    /** Base and displacement. */
    public static Mem of(int base, int displacement) {
      return new Mem(base, NONE, 0, displacement);
    }

    /** The sum of two registers. */
    public static Mem sum(int base, int index) {
      return new Mem(base, index, 0, 0);
    }
  }

  /** A place in the code that jumps lead to, before or after it is known. */
  public static final class Label {
    private int at = NONE;
    private int[] uses = new int[2];
    private int used;

    /** Its offset, once it is bound. */
    public int at() {
      if (at < 0) {
        throw new IllegalStateException("a label that stands nowhere");
      }
      return at;
    }

    /** Whether anything leads there. */
    public boolean isUsed() {
      return used > 0;
    }
  }

  private byte[] code = new byte[1024];
  private int size;

  /** Bytes written. */
  public int size() {
    return size;
  }

  /** A copy of what was written. */
  public byte[] bytes() {
    return Arrays.copyOf(code, size);
  }

  /** The buffer, of which {@link #size} bytes count. Good until more is written. */
  public byte[] buffer() {
    return code;
  }

  /** Starts over. */
  public void clear() {
    size = 0;
  }

  /** Any byte. */
  public void u8(int value) {
    if (size == code.length) {
      code = Arrays.copyOf(code, 2 * size);
    }
    code[size++] = (byte) value;
  }

  private void u32(int value) {
    u8(value);
    u8(value >> 8);
    u8(value >> 16);
    u8(value >> 24);
  }

  /** Any 8 bytes. */
  public void u64(long value) {
    u32((int) value);
    u32((int) (value >>> 32));
  }

  /** Fills up with NOPs (data: with what they are) to a multiple. */
  public void align(int multiple) {
    while (size % multiple != 0) {
      u8(0x90);
    }
  }

  // ---------------------------------------------------------------- encoding

  private void prefixes(int bytes, int reg, int index, int base, boolean byteReg, boolean byteRm) {
    if (bytes == 2) {
      u8(0x66);
    }
    int rex =
        (bytes == 8 ? 8 : 0) | (reg >= 8 ? 4 : 0) | (index >= 8 ? 2 : 0) | (base >= 8 ? 1 : 0);
    if (rex != 0 || byteReg && reg >= 4 || byteRm && base >= 4) {
      u8(0x40 | rex);
    }
  }

  private void opcode(int opcode) {
    if (opcode >= 0x100) {
      u8(0x0f);
    }
    u8(opcode);
  }

  private void registers(int bytes, int opcode, int reg, int rm, boolean byteReg, boolean byteRm) {
    prefixes(bytes, reg, 0, rm, byteReg, byteRm);
    opcode(opcode);
    u8(0xc0 | (reg & 7) << 3 | rm & 7);
  }

  private void memory(int bytes, int opcode, int reg, Mem mem, boolean byteReg) {
    prefixes(bytes, reg, Math.max(mem.index, 0), mem.base, byteReg, false);
    opcode(opcode);
    modrm(reg, mem);
  }

  private void modrm(int reg, Mem mem) {
    int base = mem.base & 7;
    int displacement = mem.displacement;
    // RBP and R13 have no form without displacement.
    int mod = displacement == 0 && base != RBP ? 0 : displacement == (byte) displacement ? 1 : 2;
    boolean sib = mem.index != NONE || base == RSP;
    u8(mod << 6 | (reg & 7) << 3 | (sib ? RSP : base));
    if (sib) {
      u8(mem.scale << 6 | (mem.index == NONE ? RSP : mem.index & 7) << 3 | base);
    }
    if (mod == 1) {
      u8(displacement);
    } else if (mod == 2) {
      u32(displacement);
    }
  }

  /** The byte form of an opcode whose lowest bit tells bytes from the rest. */
  private static int sized(int opcode, int bytes) {
    return bytes == 1 ? opcode & ~1 : opcode;
  }

  private void immediate(int bytes, long value) {
    switch (bytes) {
      case 1 -> u8((int) value);
      case 2 -> {
        u8((int) value);
        u8((int) value >> 8);
      }
      default -> u32((int) value);
    }
  }

  // ---------------------------------------------------------------- moves

  public void mov(int bytes, int to, int from) {
    registers(bytes, sized(0x89, bytes), from, to, bytes == 1, bytes == 1);
  }

  /** Loads; one or two bytes into the low part of a register. */
  public void load(int bytes, int to, Mem from) {
    memory(bytes, sized(0x8b, bytes), to, from, bytes == 1);
  }

  public void store(int bytes, Mem to, int from) {
    memory(bytes, sized(0x89, bytes), from, to, bytes == 1);
  }

  /** Stores a constant, which is sign-extended from 4 bytes for 8. */
  public void storeConstant(int bytes, Mem to, long value) {
    memory(bytes, sized(0xc7, bytes), 0, to, false);
    immediate(bytes, value);
  }

  /** A constant of 8 bytes, as short as it goes. Changes no flags. */
  public void constant(int to, long value) {
    if (value >>> 32 == 0) {
      prefixes(4, 0, 0, to, false, false);
      u8(0xb8 | to & 7);
      u32((int) value);
    } else if (value == (int) value) {
      registers(8, 0xc7, 0, to, false, false);
      u32((int) value);
    } else {
      prefixes(8, 0, 0, to, false, false);
      u8(0xb8 | to & 7);
      u64(value);
    }
  }

  /** MOVZX of 1 or 2 bytes into 4, hence 8. */
  public void movzx(int from, int to, int register) {
    registers(4, from == 1 ? 0x1b6 : 0x1b7, to, register, false, from == 1);
  }

  public void movzx(int from, int to, Mem mem) {
    memory(4, from == 1 ? 0x1b6 : 0x1b7, to, mem, false);
  }

  /** MOVZX of AH, CH, DH or BH (0..3) into one of the first eight registers. */
  public void movzxHigh(int to, int register) {
    u8(0x0f);
    u8(0xb6);
    u8(0xc0 | to << 3 | register + 4);
  }

  /** MOV into AH, CH, DH or BH (0..3) from AL, CL, DL or BL. */
  public void movHigh(int to, int from) {
    u8(0x88);
    u8(0xc0 | from << 3 | to + 4);
  }

  /** MOVSX, MOVSXD of 1, 2 or 4 bytes into {@code bytes}. */
  public void movsx(int bytes, int from, int to, int register) {
    registers(bytes, signExtending(from), to, register, false, from == 1);
  }

  public void movsx(int bytes, int from, int to, Mem mem) {
    memory(bytes, signExtending(from), to, mem, false);
  }

  private static int signExtending(int from) {
    return from == 1 ? 0x1be : from == 2 ? 0x1bf : 0x63;
  }

  public void lea(int bytes, int to, Mem mem) {
    memory(bytes, 0x8d, to, mem, false);
  }

  public void push(int register) {
    prefixes(4, 0, 0, register, false, false);
    u8(0x50 | register & 7);
  }

  public void pop(int register) {
    prefixes(4, 0, 0, register, false, false);
    u8(0x58 | register & 7);
  }

  public void xchg(int bytes, int one, int other) {
    registers(bytes, sized(0x87, bytes), one, other, bytes == 1, bytes == 1);
  }

  public void bswap(int bytes, int register) {
    prefixes(bytes, 0, 0, register, false, false);
    u8(0x0f);
    u8(0xc8 | register & 7);
  }

  // ---------------------------------------------------------------- arithmetic

  public void alu(int kind, int bytes, int to, int from) {
    registers(bytes, sized(kind << 3 | 1, bytes), from, to, bytes == 1, bytes == 1);
  }

  public void alu(int kind, int bytes, int to, Mem from) {
    memory(bytes, sized(kind << 3 | 3, bytes), to, from, bytes == 1);
  }

  public void alu(int kind, int bytes, Mem to, int from) {
    memory(bytes, sized(kind << 3 | 1, bytes), from, to, bytes == 1);
  }

  /** With a constant, sign-extended from 4 bytes for 8. */
  public void aluConstant(int kind, int bytes, int to, long value) {
    boolean small = bytes == 1 || value == (byte) value;
    registers(bytes, bytes == 1 ? 0x80 : small ? 0x83 : 0x81, kind, to, false, bytes == 1);
    immediate(small ? 1 : bytes, value);
  }

  public void aluConstant(int kind, int bytes, Mem to, long value) {
    boolean small = bytes == 1 || value == (byte) value;
    memory(bytes, bytes == 1 ? 0x80 : small ? 0x83 : 0x81, kind, to, false);
    immediate(small ? 1 : bytes, value);
  }

  /** On AH, CH, DH or BH (0..3), with AL, CL, DL or BL. */
  public void aluHigh(int kind, int to, int from) {
    u8(kind << 3);
    u8(0xc0 | from << 3 | to + 4);
  }

  public void test(int bytes, int one, int other) {
    registers(bytes, sized(0x85, bytes), other, one, bytes == 1, bytes == 1);
  }

  public void test(int bytes, Mem one, int other) {
    memory(bytes, sized(0x85, bytes), other, one, bytes == 1);
  }

  public void testConstant(int bytes, int one, long value) {
    registers(bytes, sized(0xf7, bytes), 0, one, false, bytes == 1);
    immediate(bytes, value);
  }

  public void testConstant(int bytes, Mem one, long value) {
    memory(bytes, sized(0xf7, bytes), 0, one, false);
    immediate(bytes, value);
  }

  /** TEST of AH, CH, DH or BH (0..3) with AL, CL, DL or BL. */
  public void testHigh(int one, int other) {
    u8(0x84);
    u8(0xc0 | other << 3 | one + 4);
  }

  public void inc(int bytes, int to) {
    registers(bytes, sized(0xff, bytes), 0, to, false, bytes == 1);
  }

  public void inc(int bytes, Mem to) {
    memory(bytes, sized(0xff, bytes), 0, to, false);
  }

  public void dec(int bytes, int to) {
    registers(bytes, sized(0xff, bytes), 1, to, false, bytes == 1);
  }

  public void dec(int bytes, Mem to) {
    memory(bytes, sized(0xff, bytes), 1, to, false);
  }

  /** NOT, NEG, MUL, IMUL, DIV, IDIV: see the constants. */
  public void group3(int kind, int bytes, int operand) {
    registers(bytes, sized(0xf7, bytes), kind, operand, false, bytes == 1);
  }

  public void group3(int kind, int bytes, Mem operand) {
    memory(bytes, sized(0xf7, bytes), kind, operand, false);
  }

  public void imul(int bytes, int to, int from) {
    registers(bytes, 0x1af, to, from, false, false);
  }

  public void imul(int bytes, int to, int from, long value) {
    registers(bytes, 0x69, to, from, false, false);
    immediate(bytes, value);
  }

  public void shift(int kind, int bytes, int to, int count) {
    registers(bytes, sized(0xc1, bytes), kind, to, false, bytes == 1);
    u8(count);
  }

  public void shift(int kind, int bytes, Mem to, int count) {
    memory(bytes, sized(0xc1, bytes), kind, to, false);
    u8(count);
  }

  /** By CL. */
  public void shiftByCl(int kind, int bytes, int to) {
    registers(bytes, sized(0xd3, bytes), kind, to, false, bytes == 1);
  }

  /** By CL. */
  public void shiftByCl(int kind, int bytes, Mem to) {
    memory(bytes, sized(0xd3, bytes), kind, to, false);
  }

  /** SHLD or SHRD, with bits of another register. */
  public void shiftDouble(boolean left, int bytes, int to, int from, int count) {
    registers(bytes, left ? 0x1a4 : 0x1ac, from, to, false, false);
    u8(count);
  }

  /** SHLD or SHRD by CL. */
  public void shiftDoubleByCl(boolean left, int bytes, int to, int from) {
    registers(bytes, left ? 0x1a5 : 0x1ad, from, to, false, false);
  }

  // ---------------------------------------------------------------- flags and jumps

  public void setcc(int cc, int to) {
    registers(4, 0x190 | cc, 0, to, false, true);
  }

  public void setcc(int cc, Mem to) {
    memory(4, 0x190 | cc, 0, to, false);
  }

  public void cmov(int cc, int bytes, int to, int from) {
    registers(bytes, 0x140 | cc, to, from, false, false);
  }

  public void cmov(int cc, int bytes, int to, Mem from) {
    memory(bytes, 0x140 | cc, to, from, false);
  }

  public void lahf() {
    u8(0x9f);
  }

  public void sahf() {
    u8(0x9e);
  }

  /** Copies a bit of 4 bytes in memory into CF; SF ZF OF are undefined or kept. */
  public void bt(Mem operand, int bit) {
    memory(4, 0x1ba, 4, operand, false);
    u8(bit);
  }

  /** BT, BTS, BTR, BTC (4..7) of a register by a constant. */
  public void bit(int kind, int bytes, int register, int number) {
    registers(bytes, 0x1ba, kind, register, false, false);
    u8(number);
  }

  /** BT, BTS, BTR, BTC (4..7) of a register by another. */
  public void bitBy(int kind, int bytes, int register, int number) {
    registers(bytes, 0x183 | kind << 3, number, register, false, false);
  }

  /** BSR or BSF, whose source must not be 0. */
  public void scan(boolean reverse, int bytes, int to, int from) {
    registers(bytes, reverse ? 0x1bd : 0x1bc, to, from, false, false);
  }

  /** An instruction of XMM registers: its prefix or 0, its opcode, ModRM. */
  public void vector(int prefix, int opcode, int reg, int rm) {
    if (prefix != 0) {
      u8(prefix);
    }
    registers(4, opcode, reg, rm, false, false);
  }

  public void vector(int prefix, int opcode, int reg, Mem mem) {
    if (prefix != 0) {
      u8(prefix);
    }
    memory(4, opcode, reg, mem, false);
  }

  public void jcc(int cc, Label to) {
    u8(0x0f);
    u8(0x80 | cc);
    distance(to);
  }

  public void jmp(Label to) {
    u8(0xe9);
    distance(to);
  }

  public void jmp(int register) {
    registers(4, 0xff, 4, register, false, false);
  }

  public void jmp(Mem target) {
    memory(4, 0xff, 4, target, false);
  }

  /** Jumps to the address that stands at a label. */
  public void jmpThrough(Label cell) {
    u8(0xff);
    u8(0x25);
    distance(cell);
  }

  /** Loads the 8 bytes at a label plus a number of bytes. */
  public void load(int to, Label cell, int plus) {
    prefixes(8, to, 0, 0, false, false);
    u8(0x8b);
    u8((to & 7) << 3 | 5);
    distance(cell);
    add(size - 4, plus);
  }

  /** The address of a label. */
  public void lea(int to, Label label) {
    prefixes(8, to, 0, 0, false, false);
    u8(0x8d);
    u8((to & 7) << 3 | 5);
    distance(label);
  }

  public void ret() {
    u8(0xc3);
  }

  private void distance(Label to) {
    u32(0);
    if (to.at >= 0) {
      add(size - 4, to.at - size);
    } else if (to.used == to.uses.length) {
      to.uses = Arrays.copyOf(to.uses, 2 * to.used);
    }
    if (to.at < 0) {
      to.uses[to.used] = size - 4;
    }
    to.used++;
  }

  private void add(int at, int value) {
    int sum =
        (code[at] & 0xff
                | (code[at + 1] & 0xff) << 8
                | (code[at + 2] & 0xff) << 16
                | code[at + 3] << 24)
            + value;
    code[at] = (byte) sum;
    code[at + 1] = (byte) (sum >> 8);
    code[at + 2] = (byte) (sum >> 16);
    code[at + 3] = (byte) (sum >> 24);
  }

  /** The label stands here. */
  public void bind(Label label) {
    if (label.at >= 0) {
      throw new IllegalStateException("a label that stands at two places");
    }
    label.at = size;
    for (int i = 0; i < label.used; i++) {
      int use = label.uses[i];
      add(use, size - (use + 4));
    }
  }
}
