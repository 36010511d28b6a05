package dev.lockstep.softcpu;

/**
 * Hardware breakpoints (Intel SDM vol. 3B chapter 18): DR0..DR3 as DR7 arms them.
 *
 * <p>A data breakpoint that an access matches is collected in {@code c.pendingDebug}; the loop delivers the trap after the instruction. While any data breakpoint is armed, no access takes the fast
 * path, and accesses that match are made alone.
 */
final class DebugRegisters {
  /** DR6.BD: an access to a debug register was refused. */
  static final long BD = 1 << 13;

  /** DR6.BS: single step. */
  static final long BS = 1 << 14;

  /** DR6.BT: task switch. */
  static final long BT = 1 << 15;

  /** DR7.GD: refuse accesses to debug registers. */
  static final long GD = 1 << 13;

  private static final int EXECUTE = 0;
  private static final int WRITE = 1;
  private static final int IO = 2;
  private static final int READ_WRITE = 3;

  /** L0..G3. */
  private static final long ENABLES = 0xff;

  private final Cpu c;

  /** A breakpoint on data is armed, here or in {@link HostBreakpoints}. */
  boolean dataArmed;

  /** A breakpoint on instructions is armed. */
  boolean codeArmed;

  /** A breakpoint on ports is armed. */
  boolean portArmed;

  DebugRegisters(Cpu c) {
    this.c = c;
  }

  /** DR7 or CR4.DE may have changed. */
  void select() {
    boolean wasArmed = dataArmed;
    dataArmed = c.host.watching;
    codeArmed = false;
    portArmed = false;
    if ((c.dr7 & ENABLES) != 0) {
      for (int n = 0; n < 4; n++) {
        if (enabled(n)) {
          arm(kind(n));
        }
      }
    }
    if (dataArmed != wasArmed) {
      c.mmu.dropDerived();
    }
  }

  private void arm(int kind) {
    switch (kind) {
      case EXECUTE -> codeArmed = true;
      case IO -> portArmed |= (c.cr4 & ControlRegisters.DE) != 0;
      default -> dataArmed = true;
    }
  }

  /** An access to data: collects matching breakpoints. */
  void access(long linear, int size, boolean write) {
    if (c.host.watching) {
      c.host.access(linear, size, write);
    }
    long hit = 0;
    for (int n = 0; n < 4; n++) {
      int kind = kind(n);
      boolean wanted = kind == WRITE ? write : kind == READ_WRITE;
      if (wanted && enabled(n) && covers(n, linear, size)) {
        hit |= 1 << n;
      }
    }
    collect(hit);
  }

  /** An access to ports. */
  void port(int port, int size) {
    if (!portArmed) {
      return;
    }
    long hit = 0;
    for (int n = 0; n < 4; n++) {
      if (kind(n) == IO && enabled(n) && covers(n, port, size)) {
        hit |= 1 << n;
      }
    }
    collect(hit);
  }

  /** The breakpoints on an instruction at that address: bits for DR6. */
  long code(long linear) {
    long hit = 0;
    if (codeArmed) {
      for (int n = 0; n < 4; n++) {
        if (kind(n) == EXECUTE && enabled(n) && c.debugAddress[n] == linear) {
          hit |= 1 << n;
        }
      }
    }
    return hit;
  }

  private void collect(long hit) {
    if (hit == 0) {
      return;
    }
    if (!c.single) {
      throw c.exits.restart();
    }
    c.pendingDebug |= hit;
    c.attention = true;
  }

  private boolean covers(int n, long address, int size) {
    // LEN: 1, 2, 8, 4 bytes; the address is aligned to it (18.2.5).
    int length =
        switch ((int) (c.dr7 >>> 18 + 4 * n) & 3) {
          case 0 -> 1;
          case 1 -> 2;
          case 2 -> 8;
          default -> 4;
        };
    long start = c.debugAddress[n] & -length;
    return address - start < length && start - address < size;
  }

  private boolean enabled(int n) {
    return (c.dr7 >>> 2 * n & 3) != 0;
  }

  private int kind(int n) {
    return (int) (c.dr7 >>> 16 + 4 * n) & 3;
  }
}
