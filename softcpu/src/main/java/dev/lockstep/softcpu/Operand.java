package dev.lockstep.softcpu;

/**
 * Register operands of any size. A byte register is named by a code of its own: the index, plus {@link #HIGH} for AH, CH, DH and BH.
 */
final class Operand {
  /** Marks a byte register in bits 15:8. */
  static final int HIGH = 32;

  private static final long LOW32 = 0xffff_ffffL;

  private Operand() {}

  /** The code of a byte register: without REX, numbers 4..7 are AH CH DH BH (Intel SDM vol. 2A 2.2.1.2). */
  static int code8(Insn insn, int number) {
    return insn.rex == 0 && number >= 4 && number < 8 ? number - 4 | HIGH : number;
  }

  /** The code of a register of {@code size} bytes. */
  static int code(Insn insn, int size, int number) {
    return size == 1 ? code8(insn, number) : number;
  }

  /** A byte register, zero-extended. */
  static int get8(Cpu c, int code) {
    return (int) (c.r[code & 31] >>> ((code & HIGH) >>> 2)) & 0xff;
  }

  /** Sets a byte register and leaves the rest of the full register. */
  static void set8(Cpu c, int code, long value) {
    int shift = (code & HIGH) >>> 2;
    long[] r = c.r;
    int index = code & 31;
    r[index] = r[index] & ~(0xffL << shift) | (value & 0xff) << shift;
  }

  /** Sets the low 16 bits. */
  static void set16(Cpu c, int index, long value) {
    long[] r = c.r;
    r[index] = r[index] & ~0xffffL | value & 0xffff;
  }

  /** Sets the low 32 bits and clears the rest. */
  static void set32(Cpu c, int index, long value) {
    c.r[index] = value & LOW32;
  }

  /** A register of {@code size} bytes, zero-extended. */
  static long get(Cpu c, int size, int code) {
    return switch (size) {
      case 1 -> get8(c, code);
      case 2 -> c.r[code] & 0xffff;
      case 4 -> c.r[code] & LOW32;
      default -> c.r[code];
    };
  }

  /** Sets a register of {@code size} bytes. */
  static void set(Cpu c, int size, int code, long value) {
    switch (size) {
      case 1 -> set8(c, code, value);
      case 2 -> set16(c, code, value);
      case 4 -> c.r[code] = value & LOW32;
      default -> c.r[code] = value;
    }
  }

  /** Loads {@code size} bytes, zero-extended. */
  static long load(Cpu c, int size, long linear) {
    return switch (size) {
      case 1 -> c.mmu.load8(linear);
      case 2 -> c.mmu.load16(linear);
      case 4 -> c.mmu.load32(linear);
      default -> c.mmu.load64(linear);
    };
  }

  /** Loads {@code size} bytes that will be stored to next: checked for writing. */
  static long loadForWrite(Cpu c, int size, long linear) {
    return switch (size) {
      case 1 -> c.mmu.loadForWrite8(linear);
      case 2 -> c.mmu.loadForWrite16(linear);
      case 4 -> c.mmu.loadForWrite32(linear);
      default -> c.mmu.loadForWrite64(linear);
    };
  }

  /** Stores the low {@code size} bytes. */
  static void store(Cpu c, int size, long linear, long value) {
    switch (size) {
      case 1 -> c.mmu.store8(linear, value);
      case 2 -> c.mmu.store16(linear, value);
      case 4 -> c.mmu.store32(linear, value);
      default -> c.mmu.store64(linear, value);
    }
  }

  /** Sign-extends the low {@code size} bytes. */
  static long signExtend(int size, long value) {
    int unused = 64 - 8 * size;
    return value << unused >> unused;
  }
}
