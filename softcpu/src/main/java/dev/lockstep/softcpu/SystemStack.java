package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;

/** The stack of the current mode: its address width, and its elements. System code moves several elements at once and commits RSP last. */
final class SystemStack {
  private static final int RSP = 4;

  private SystemStack() {}

  /** The bits of RSP that address the stack: 64 in 64-bit mode, else by SS.B (Intel SDM vol. 1 6.2.3). */
  static long mask(Cpu c) {
    if (CodeMode.of(c) == CodeMode.LONG64) {
      return -1L;
    }
    return c.segments[CpuState.SS].isBig() ? 0xffff_ffffL : 0xffffL;
  }

  /** Linear address of the element at an offset from RSP, checked for reading or writing. */
  static long linear(Cpu c, long offset, int size, boolean write) {
    long mask = mask(c);
    long at = c.r[RSP] + offset & mask;
    return mask == -1L ? at : Ea.segmented(c, CpuState.SS, at, size, write);
  }

  /** Reads an element of 2, 4 or 8 bytes at an offset from RSP. */
  static long read(Cpu c, long offset, int size) {
    long linear = linear(c, offset, size, false);
    return switch (size) {
      case 2 -> c.mmu.load16(linear);
      case 4 -> c.mmu.load32(linear);
      default -> c.mmu.load64(linear);
    };
  }

  /** Writes an element at an offset from RSP. */
  static void write(Cpu c, long offset, int size, long value) {
    long linear = linear(c, offset, size, true);
    switch (size) {
      case 2 -> c.mmu.store16(linear, value);
      case 4 -> c.mmu.store32(linear, value);
      default -> c.mmu.store64(linear, value);
    }
  }

  /** Moves RSP within the stack's width. */
  static void adjust(Cpu c, long by) {
    c.r[RSP] = moved(c, by);
  }

  /** RSP moved within the stack's width: a 32-bit stack clears the upper half, a 16-bit one keeps it, as any write of ESP or SP does. */
  static long moved(Cpu c, long by) {
    long mask = mask(c);
    long rsp = c.r[RSP];
    return mask == 0xffffL ? rsp & ~mask | rsp + by & mask : rsp + by & mask;
  }
}
