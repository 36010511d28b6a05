package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;

/**
 * The stack as PUSH, POP, CALL and RET see it: SS with a pointer of 64, 32 or 16 bits. Nothing here changes RSP but {@link #commit}, so an operation can make all its accesses first.
 */
final class Stack {
  private Stack() {}

  /** What the stack pointer is cut to. */
  static long mask(Cpu c, boolean is64) {
    return is64 ? -1L : c.segments[CpuState.SS].isBig() ? 0xffff_ffffL : 0xffff;
  }

  /** The linear address of {@code size} bytes at a stack offset, checked against SS outside 64-bit mode. */
  static long linear(Cpu c, boolean is64, long offset, int size, boolean write) {
    return is64 ? offset : Ea.segmented(c, CpuState.SS, offset, size, write);
  }

  /** Sets the stack pointer to an offset cut to {@link #mask}. */
  static void commit(Cpu c, long mask, long offset) {
    long[] r = c.r;
    r[4] = mask == 0xffff ? r[4] & ~0xffffL | offset & 0xffff : offset & mask;
  }

  /** Pushes in any mode. */
  static void push(Cpu c, boolean is64, int size, long value) {
    long mask = mask(c, is64);
    long offset = c.r[4] - size & mask;
    Operand.store(c, size, linear(c, is64, offset, size, true), value);
    commit(c, mask, offset);
  }

  /** The value on top, zero-extended; the pointer stays. */
  static long peek(Cpu c, boolean is64, int size) {
    long offset = c.r[4] & mask(c, is64);
    return Operand.load(c, size, linear(c, is64, offset, size, false));
  }

  /** Moves the pointer up. */
  static void release(Cpu c, boolean is64, long bytes) {
    commit(c, mask(c, is64), c.r[4] + bytes);
  }

  /** Whether a push or pop near the stack pointer is what met a non-canonical address, and not the operation's other operand. */
  static boolean nonCanonical(Cpu c) {
    long sp = c.r[4];
    return !canonical(sp) || !canonical(sp - 1) || !canonical(sp + 7);
  }

  /** Bits 63:47 alike. */
  static boolean canonical(long address) {
    return address << 16 >> 16 == address;
  }
}
