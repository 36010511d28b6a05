package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;

/** Model-specific registers that the CPU itself has (Intel SDM vol. 4, AMD APM vol. 2 appendix A). All others leave the engine as exits. */
final class Msrs {
  private static final int TSC = 0x10;
  private static final int SYSENTER_CS = 0x174;
  private static final int SYSENTER_ESP = 0x175;
  private static final int SYSENTER_EIP = 0x176;
  private static final int PAT = 0x277;
  private static final int EFER = 0xc000_0080;
  private static final int STAR = 0xc000_0081;
  private static final int LSTAR = 0xc000_0082;
  private static final int CSTAR = 0xc000_0083;
  private static final int SFMASK = 0xc000_0084;
  private static final int FS_BASE = 0xc000_0100;
  private static final int GS_BASE = 0xc000_0101;
  private static final int KERNEL_GS_BASE = 0xc000_0102;

  private static final long SCE = 1;
  private static final long LME = 1 << 8;
  private static final long LMA = 1 << 10;
  private static final long NXE = 1 << 11;

  private Msrs() {}

  static long read(Cpu c, int index) {
    return switch (index) {
      case TSC -> c.model.hasTsc() ? timeStamp(c) : c.exits.msrRead(index);
      case SYSENTER_CS -> c.sysenterCs;
      case SYSENTER_ESP -> c.sysenterEsp;
      case SYSENTER_EIP -> c.sysenterEip;
      case PAT -> c.pat;
      case EFER -> c.efer;
      case STAR -> c.star;
      case LSTAR -> c.lstar;
      case CSTAR -> c.cstar;
      case SFMASK -> c.sfmask;
      case FS_BASE -> c.segments[CpuState.FS].base;
      case GS_BASE -> c.segments[CpuState.GS].base;
      case KERNEL_GS_BASE -> c.kernelGsBase;
      default -> c.exits.msrRead(index);
    };
  }

  /**
   * @param rip of the WRMSR, for a write that the machine refuses
   */
  static void write(Cpu c, int index, long value, long rip) {
    switch (index) {
      case TSC -> {
        if (c.model.hasTsc()) {
          c.tscOffset = value - c.tsc.read(c.branchCount);
        } else {
          c.exits.msrWrite(index, value, rip);
        }
      }
      case SYSENTER_CS -> c.sysenterCs = value;
      case SYSENTER_ESP -> c.sysenterEsp = canonical(c, value);
      case SYSENTER_EIP -> c.sysenterEip = canonical(c, value);
      case PAT -> writePat(c, value);
      case EFER -> writeEfer(c, value);
      case STAR -> c.star = value;
      case LSTAR -> c.lstar = canonical(c, value);
      case CSTAR -> c.cstar = canonical(c, value);
      case SFMASK -> c.sfmask = value & 0xffff_ffffL;
      case FS_BASE -> c.segments[CpuState.FS].base = canonical(c, value);
      case GS_BASE -> c.segments[CpuState.GS].base = canonical(c, value);
      case KERNEL_GS_BASE -> c.kernelGsBase = canonical(c, value);
      default -> c.exits.msrWrite(index, value, rip);
    }
  }

  /** RDTSC's value. */
  static long timeStamp(Cpu c) {
    return c.tsc.read(c.branchCount) + c.tscOffset;
  }

  private static long canonical(Cpu c, long value) {
    if (value << 16 >> 16 != value) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    return value;
  }

  /** Each byte is a memory type: 0, 1, 4, 5, 6 or 7 (SDM vol. 3A table 11-10). */
  private static void writePat(Cpu c, long value) {
    for (int shift = 0; shift < 64; shift += 8) {
      int type = (int) (value >>> shift) & 0xff;
      if (type > 7 || type == 2 || type == 3) {
        throw c.fault.raise(GuestFault.GP, 0);
      }
    }
    c.pat = value;
  }

  private static void writeEfer(Cpu c, long value) {
    boolean paging = (c.cr0 & ControlRegisters.PG) != 0;
    boolean refused =
        (value & ~(SCE | LME | LMA | NXE)) != 0 || paging && ((value ^ c.efer) & LME) != 0;
    if (refused) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    long next = value & ~LMA | c.efer & LMA;
    boolean flush = ((next ^ c.efer) & NXE) != 0;
    c.efer = next;
    if (flush) {
      c.mmu.flush(false);
    }
  }
}
