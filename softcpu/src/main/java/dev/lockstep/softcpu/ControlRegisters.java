package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;

/** CR0, CR2, CR3, CR4, CR8 and the debug registers: what may be written, and what a write changes (Intel SDM vol. 3A 2.5, vol. 3B 17.2). */
final class ControlRegisters {
  static final long PE = 1;
  static final long MP = 1 << 1;
  static final long EM = 1 << 2;
  static final long TS = 1 << 3;
  static final long ET = 1 << 4;
  static final long WP = 1 << 16;
  static final long AM = 1 << 18;
  static final long NW = 1 << 29;
  static final long CD = 1 << 30;
  static final long PG = 1L << 31;
  static final long TSD = 1 << 2;
  static final long PSE = 1 << 4;
  static final long PAE = 1 << 5;
  static final long PGE = 1 << 7;
  static final long PCE = 1 << 8;
  static final long EFER_LME = 1 << 8;
  static final long EFER_LMA = 1 << 10;
  static final long EFER_NXE = 1 << 11;

  private static final long CR0_WRITABLE = 0xe005_003fL;
  static final long DE = 1 << 3;
  private static final long CR4_WRITABLE = TSD | DE | PSE | PAE | PGE | PCE | 1 << 9 | 1 << 10;
  private static final long DR6_FIXED = 0xffff_0ff0L;
  private static final long DR6_WRITABLE = 0xe00f;
  private static final long DR7_FIXED = 0x400;
  private static final long DR7_WRITABLE = 0xffff_23ffL;
  private static final long DR7_GD = 1 << 13;
  private static final long DR6_BD = 1 << 13;

  private ControlRegisters() {}

  static long read(Cpu c, int number) {
    return switch (number) {
      case 0 -> c.cr0;
      case 2 -> c.cr2;
      case 3 -> c.cr3;
      case 4 -> c.cr4;
      case 8 -> c.cr8;
      default -> throw c.fault.raise(GuestFault.UD, 0);
    };
  }

  static void write(Cpu c, int number, long value) {
    switch (number) {
      case 0 -> writeCr0(c, value);
      case 2 -> c.cr2 = value;
      case 3 -> writeCr3(c, value);
      case 4 -> writeCr4(c, value);
      case 8 -> {
        if ((value & ~0xfL) != 0) {
          throw c.fault.raise(GuestFault.GP, 0);
        }
        c.cr8 = value;
      }
      default -> throw c.fault.raise(GuestFault.UD, 0);
    }
    c.attention = true;
  }

  static void writeCr0(Cpu c, long value) {
    long old = c.cr0;
    boolean paging = (value & PG) != 0;
    boolean refused =
        value >>> 32 != 0
            || paging && (value & PE) == 0
            || (value & NW) != 0 && (value & CD) == 0
            || !paging && (old & PG) != 0 && CodeMode.of(c) == CodeMode.LONG64;
    if (refused) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    long next = value & CR0_WRITABLE | ET;
    if (paging && (old & PG) == 0) {
      enablePaging(c);
    } else if (!paging) {
      c.efer &= ~EFER_LMA;
    }
    c.cr0 = next;
    long changed = old ^ next;
    if ((changed & (PG | PE)) != 0) {
      c.mmu.flush(false);
    } else if ((changed & WP) != 0) {
      c.mmu.dropDerived();
    }
    c.mmu.select();
  }

  private static void enablePaging(Cpu c) {
    if ((c.efer & EFER_LME) != 0) {
      if ((c.cr4 & PAE) == 0 || c.segments[CpuState.CS].isLong()) {
        throw c.fault.raise(GuestFault.GP, 0);
      }
      c.efer |= EFER_LMA;
    } else if ((c.cr4 & PAE) != 0 && !c.mmu.walker.loadPdptes(c.cr3)) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
  }

  private static void writeCr3(Cpu c, long value) {
    if ((c.efer & EFER_LMA) != 0) {
      if (value >>> c.model.physicalAddressBits() != 0) {
        throw c.fault.raise(GuestFault.GP, 0);
      }
    } else if ((c.cr0 & PG) != 0 && (c.cr4 & PAE) != 0 && !c.mmu.walker.loadPdptes(value)) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    c.cr3 = value;
    c.mmu.flush((c.cr4 & PGE) != 0);
  }

  /** CR3 out of the TSS of a task that is switched to. */
  static void loadTaskCr3(Cpu c, long value) {
    writeCr3(c, value);
  }

  private static void writeCr4(Cpu c, long value) {
    boolean refused =
        (value & ~CR4_WRITABLE) != 0 || (c.efer & EFER_LMA) != 0 && (value & PAE) == 0;
    if (refused) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    long changed = c.cr4 ^ value;
    boolean legacyPaging = (c.cr0 & PG) != 0 && (c.efer & EFER_LMA) == 0;
    if (legacyPaging
        && (value & PAE) != 0
        && (changed & (PAE | PSE | PGE)) != 0
        && !c.mmu.walker.loadPdptes(c.cr3)) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    c.cr4 = value;
    if ((changed & (PAE | PSE | PGE)) != 0) {
      c.mmu.flush(false);
    }
  }

  /** Reads DR0..DR7. */
  static long readDebug(Cpu c, int number) {
    checkDebug(c, number);
    return switch (number) {
      case 0, 1, 2, 3 -> c.debugAddress[number];
      case 4, 6 -> c.dr6;
      default -> c.dr7;
    };
  }

  /** Writes DR0..DR7. */
  static void writeDebug(Cpu c, int number, long value) {
    checkDebug(c, number);
    if (number >= 4 && value >>> 32 != 0) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    switch (number) {
      case 0, 1, 2, 3 -> c.debugAddress[number] = value;
      case 4, 6 -> c.dr6 = value & DR6_WRITABLE | DR6_FIXED;
      default -> c.dr7 = value & DR7_WRITABLE | DR7_FIXED;
    }
    c.mmu.select();
    c.attention = true;
  }

  private static void checkDebug(Cpu c, int number) {
    boolean alias = number == 4 || number == 5;
    if (number > 7 || alias && (c.cr4 & DE) != 0) {
      throw c.fault.raise(GuestFault.UD, 0);
    }
    if (c.cpl != 0) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    if ((c.dr7 & DR7_GD) != 0) {
      c.dr6 |= DR6_BD;
      throw c.fault.raise(GuestFault.DB, 0);
    }
  }
}
