package dev.lockstep.softcpu;

/** Instruction breakpoints of DR7 (Intel SDM vol. 3B 17.2.4): a fault before the instruction, unless RF is set. */
final class CodeBreakpoints {
  private CodeBreakpoints() {}

  /** Whether DR7 enables any breakpoint on instructions. */
  static boolean armed(Cpu c) {
    long dr7 = c.dr7;
    if ((dr7 & 0xff) == 0) {
      return false;
    }
    for (int i = 0; i < 4; i++) {
      if ((dr7 >>> 2 * i & 3) != 0 && (dr7 >>> 16 + 4 * i & 3) == 0) {
        return true;
      }
    }
    return false;
  }

  /** DR6's bits of the enabled breakpoints on an instruction at that linear address. */
  static long hits(Cpu c, long linear) {
    long hits = 0;
    for (int i = 0; i < 4; i++) {
      boolean enabled = (c.dr7 >>> 2 * i & 3) != 0 && (c.dr7 >>> 16 + 4 * i & 3) == 0;
      if (enabled && c.debugAddress[i] == linear) {
        hits |= 1L << i;
      }
    }
    return hits;
  }
}
