package dev.lockstep.softcpu;

import dev.lockstep.softcpu.fp.SseUnit;

/** What must hold before a floating-point or vector instruction may execute (Intel SDM vol. 3A tables 2-2, 13-1 and vol. 2 "Exceptions" of each). */
final class FpGate {
  private static final long CR0_EM = 1 << 2;
  private static final long CR0_TS = 1 << 3;
  private static final long CR4_OSFXSR = 1 << 9;
  private static final long CR4_OSXMMEXCPT = 1 << 10;

  private FpGate() {}

  /** Whether {@link #sse} raises nothing. */
  static boolean isOpen(Cpu c) {
    return (c.cr0 & (CR0_EM | CR0_TS)) == 0 && (c.cr4 & CR4_OSFXSR) != 0;
  }

  /** SSE and SSE2 on XMM registers: #UD with EM or without OSFXSR, #NM with TS. */
  static void sse(Cpu c) {
    if ((c.cr0 & (CR0_EM | CR0_TS)) != 0 || (c.cr4 & CR4_OSFXSR) == 0) {
      boolean undefined = (c.cr0 & CR0_EM) != 0 || (c.cr4 & CR4_OSFXSR) == 0;
      throw c.fault.raise(undefined ? GuestFault.UD : GuestFault.NM, 0);
    }
  }

  /** MMX: #UD with EM, #NM with TS, #MF for a pending x87 exception. The unit enters MMX state only when the instruction completes. */
  static void mmx(Cpu c) {
    if ((c.cr0 & (CR0_EM | CR0_TS)) != 0) {
      throw c.fault.raise((c.cr0 & CR0_EM) != 0 ? GuestFault.UD : GuestFault.NM, 0);
    }
    pending(c);
  }

  /** SSE instructions with an MMX operand: both. */
  static void sseWithMmx(Cpu c) {
    sse(c);
    pending(c);
  }

  /** x87 control instructions that do not wait: #NM with EM or TS. */
  static void x87NoWait(Cpu c) {
    if ((c.cr0 & (CR0_EM | CR0_TS)) != 0) {
      throw c.fault.raise(GuestFault.NM, 0);
    }
  }

  /** x87 instructions that wait: #NM with EM or TS, #MF for a pending exception. The small PC has no FERR# line: with CR0.NE clear it is #MF as well. */
  static void x87(Cpu c) {
    x87NoWait(c);
    pending(c);
  }

  /** FXSAVE and FXRSTOR: #NM with EM or TS. */
  static void fxState(Cpu c) {
    x87NoWait(c);
  }

  /** Ends an SSE arithmetic instruction before its destination is written: #XM, or #UD without OSXMMEXCPT, for what is not masked. */
  static void complete(Cpu c, SseUnit unit) {
    if (unit.state.raised != 0 && !unit.state.complete()) {
      throw c.fault.raise((c.cr4 & CR4_OSXMMEXCPT) != 0 ? GuestFault.XM : GuestFault.UD, 0);
    }
  }

  /** #MF if an unmasked x87 exception waits. */
  static void pending(Cpu c) {
    if (c.x87.state.pendingException()) {
      throw c.fault.raise(GuestFault.MF, 0);
    }
  }
}
