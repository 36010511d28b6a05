package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.SegmentRegister;

/** What a byte of code means depends on: the mode that code is decoded for. */
final class CodeMode {
  /** 64-bit mode. */
  static final int LONG64 = 0;

  /** Compatibility mode, CS.D = 1. */
  static final int COMPAT32 = 1;

  /** Compatibility mode, CS.D = 0. */
  static final int COMPAT16 = 2;

  /** Protected mode, CS.D = 1. */
  static final int PROT32 = 3;

  /** Protected mode, CS.D = 0. */
  static final int PROT16 = 4;

  /** Real mode: refused by name. */
  static final int REAL = 5;

  /** Virtual-8086 mode: refused by name. */
  static final int V86 = 6;

  /** CR0.PE. */
  static final long CR0_PE = 1;

  /** EFER.LMA. */
  static final long EFER_LMA = 1 << 10;

  /** RFLAGS.VM. */
  static final long FLAG_VM = 1 << 17;

  private CodeMode() {}

  /** The mode that follows from CR0, EFER, RFLAGS and CS. */
  static int of(Cpu c) {
    SegmentRegister cs = c.segments[CpuState.CS];
    if ((c.efer & EFER_LMA) != 0) {
      return cs.isLong() ? LONG64 : cs.isBig() ? COMPAT32 : COMPAT16;
    }
    if ((c.cr0 & CR0_PE) == 0) {
      return REAL;
    }
    if ((c.systemFlags & FLAG_VM) != 0) {
      return V86;
    }
    return cs.isBig() ? PROT32 : PROT16;
  }
}
