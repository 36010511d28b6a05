package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;

/**
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT (Intel SDM vol. 2B, AMD APM vol. 3). SYSCALL and SYSRET work in compatibility mode as well, through CSTAR, as AMD has it: the model's vendor is neither, and EFER.SCE
 * does not depend on the mode.
 */
final class SystemCalls {
  private static final int RCX = 1;
  private static final int RDX = 2;
  private static final int RSP = 4;
  private static final int R11 = 11;
  private static final long SCE = 1;
  private static final int CODE64 = 0xa09b;
  private static final int CODE32 = 0xc09b;
  private static final int STACK = 0xc093;
  private static final int DPL3 = 3 << 5;
  private static final long FLAT = 0xffff_ffffL;

  /** RFLAGS bits that SYSRET takes from R11. */
  private static final long SYSRET_FLAGS = 0x3c7fd7;

  private SystemCalls() {}

  static void syscall(Cpu c, long nextRip) {
    if ((c.efer & SCE) == 0 || !FarTransfers.longMode(c)) {
      throw c.fault.raise(GuestFault.UD, 0);
    }
    boolean from64 = CodeMode.of(c) == CodeMode.LONG64;
    long flags = Flags.rflags(c) & ~Delivery.FLAG_RF;
    c.r[RCX] = nextRip;
    c.r[R11] = flags;
    Flags.setRflags(c, flags & ~c.sfmask & ~Delivery.FLAG_VM);
    c.skipTrap = (c.systemFlags & Delivery.FLAG_TF) == 0;
    int selector = (int) (c.star >>> 32) & 0xfffc;
    flat(c, selector, CODE64, selector + 8, STACK);
    c.rip = from64 ? c.lstar : c.cstar;
    enter(c, 0, ExecutionObserver.Call.SYSCALL);
  }

  static void sysret(Cpu c, int operandSize) {
    if ((c.efer & SCE) == 0 || !FarTransfers.longMode(c)) {
      throw c.fault.raise(GuestFault.UD, 0);
    }
    boolean to64 = operandSize == 8;
    if (c.cpl != 0 || to64 && c.r[RCX] << 16 >> 16 != c.r[RCX]) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    int base = (int) (c.star >>> 48) & 0xffff;
    int code = (to64 ? base + 16 : base) | 3;
    flat(c, code, (to64 ? CODE64 : CODE32) | DPL3, base + 8 | 3, STACK | DPL3);
    c.rip = to64 ? c.r[RCX] : c.r[RCX] & FLAT;
    Flags.setRflags(c, c.r[R11] & SYSRET_FLAGS | 2);
    enter(c, 3, ExecutionObserver.Call.SYSRET);
  }

  static void sysenter(Cpu c) {
    if ((c.sysenterCs & 0xfffc) == 0) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    boolean wide = FarTransfers.longMode(c);
    int selector = (int) c.sysenterCs & 0xfffc;
    flat(c, selector, wide ? CODE64 : CODE32, selector + 8, STACK);
    c.r[RSP] = wide ? c.sysenterEsp : c.sysenterEsp & FLAT;
    c.rip = wide ? c.sysenterEip : c.sysenterEip & FLAT;
    c.systemFlags &= ~(Delivery.FLAG_IF | Delivery.FLAG_RF | Delivery.FLAG_VM);
    enter(c, 0, ExecutionObserver.Call.SYSENTER);
  }

  static void sysexit(Cpu c, int operandSize) {
    boolean to64 = operandSize == 8;
    if ((c.sysenterCs & 0xfffc) == 0 || c.cpl != 0) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    long rip = c.r[RDX];
    long rsp = c.r[RCX];
    if (to64 && (rip << 16 >> 16 != rip || rsp << 16 >> 16 != rsp)) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    int base = (int) c.sysenterCs & 0xfffc;
    int code = base + (to64 ? 32 : 16) | 3;
    flat(c, code, (to64 ? CODE64 : CODE32) | DPL3, code + 8, STACK | DPL3);
    c.rip = to64 ? rip : rip & FLAT;
    c.r[RSP] = to64 ? rsp : rsp & FLAT;
    enter(c, 3, ExecutionObserver.Call.SYSEXIT);
  }

  private static void flat(Cpu c, int code, int codeAccess, int stack, int stackAccess) {
    c.segments[CpuState.CS].set(code, 0, FLAT, codeAccess);
    c.segments[CpuState.SS].set(stack, 0, FLAT, stackAccess);
  }

  private static void enter(Cpu c, int cpl, ExecutionObserver.Call call) {
    c.cpl = cpl;
    c.mmu.select();
    c.attention = true;
    Observation observation = c.observation;
    if (observation != null) {
      observation.called(call, 0);
    }
  }
}
