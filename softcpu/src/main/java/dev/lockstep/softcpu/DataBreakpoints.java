package dev.lockstep.softcpu;

/** Data breakpoints of DR7 (Intel SDM vol. 3B 17.2.4): which are armed, and what an access hits. The trap comes after the instruction. */
final class DataBreakpoints {
  private static final int WRITE = 1;
  private static final int READ_WRITE = 3;

  private DataBreakpoints() {}

  /** Whether DR7 enables any breakpoint on data. */
  static boolean armed(Cpu c) {
    long dr7 = c.dr7;
    if ((dr7 & 0xff) == 0) {
      return false;
    }
    for (int i = 0; i < 4; i++) {
      if ((dr7 >>> 2 * i & 3) != 0 && (dr7 >>> 16 + 4 * i & 1) != 0) {
        return true;
      }
    }
    return false;
  }

  /** Notes every armed breakpoint that an access overlaps; DR6's bits wait in {@code pendingDebug} for the next boundary. */
  static void hit(Cpu c, long linear, int size, boolean write) {
    for (int i = 0; i < 4; i++) {
      int kind = (int) (c.dr7 >>> 16 + 4 * i) & 3;
      boolean enabled = (c.dr7 >>> 2 * i & 3) != 0;
      if (!enabled || !(kind == READ_WRITE || kind == WRITE && write)) {
        continue;
      }
      int length = length((int) (c.dr7 >>> 18 + 4 * i) & 3);
      long start = c.debugAddress[i] & -length;
      if (linear < start + length && start < linear + size) {
        c.pendingDebug |= 1L << i;
        c.attention = true;
      }
    }
  }

  /** LEN: 1, 2, 8 or 4 bytes. */
  private static int length(int field) {
    return switch (field) {
      case 0 -> 1;
      case 1 -> 2;
      case 2 -> 8;
      default -> 4;
    };
  }
}
