package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;

/** Delivery through the IDT in protected mode: interrupt, trap and task gates of 16 and 32 bits (Intel SDM vol. 3A 6.12). */
final class LegacyInterrupts {
  private static final int IN_IDT = 2;
  private static final int RSP = 4;
  private static final int TASK_GATE = 5;

  private LegacyInterrupts() {}

  static void deliver(Cpu c, int vector, boolean hasError, int error, int ext, boolean resume) {
    int gateError = vector << 3 | IN_IDT | ext;
    if (8L * vector + 7 > c.idtLimit) {
      throw c.fault.raise(GuestFault.GP, gateError);
    }
    long gate = c.mmu.loadSystem(c.idtBase + 8L * vector, 8);
    int type = (int) (gate >>> 40) & 0x1f;
    boolean known = type == TASK_GATE || (type & ~9) == 6;
    if (!known || ext == 0 && Descriptors.dpl(gate) < c.cpl) {
      throw c.fault.raise(GuestFault.GP, gateError);
    }
    if (!Descriptors.isPresent(gate)) {
      throw c.fault.raise(GuestFault.NP, gateError);
    }
    if (type == TASK_GATE) {
      long saved = Flags.rflags(c) | (resume ? Delivery.FLAG_RF : 0);
      TaskSwitch.interrupt(c, (int) (gate >>> 16) & 0xffff, hasError, error, saved, ext);
      return;
    }
    int size = (type & 8) != 0 ? 4 : 2;
    int selector = (int) (gate >>> 16) & 0xffff;
    long rip = gate & 0xffff | (size == 4 ? gate >>> 32 & 0xffff_0000L : 0);
    long code = Delivery.handlerSegment(c, selector, ext);
    int cpl = Descriptors.isConforming(code) ? c.cpl : Descriptors.dpl(code);
    FarTransfers.checkTarget(c, code, rip, ext);
    long flags = Flags.rflags(c) | (resume ? Delivery.FLAG_RF : 0);
    if (cpl < c.cpl) {
      InnerStack stack = InnerStack.ofPrivilege(c, cpl, ext);
      long[] frame = hasError ? c.frameWithError : c.frame;
      frame[0] = c.segments[CpuState.SS].selector;
      frame[1] = c.r[RSP];
      fill(c, frame, 2, flags, hasError, error);
      stack.push(c, frame, size, ext);
      FarTransfers.toCode(c, selector, code, cpl, rip);
      stack.install(c);
    } else {
      long[] frame = new long[hasError ? 4 : 3];
      fill(c, frame, 0, flags, hasError, error);
      checkSame(c, frame.length, size, ext);
      for (int i = 0; i < frame.length; i++) {
        SystemStack.write(c, -(i + 1L) * size, size, frame[i]);
      }
      SystemStack.adjust(c, -(long) frame.length * size);
      FarTransfers.toCode(c, selector, code, cpl, rip);
    }
    Delivery.clearFlags(c, (type & 7) == 6);
  }

  /** Checks the running stack for a frame; a violation of its limit says EXT as well. */
  private static void checkSame(Cpu c, int elements, int size, int ext) {
    for (int i = 0; i < elements; i++) {
      long linear;
      try {
        linear = SystemStack.linear(c, -(i + 1L) * size, size, true);
      } catch (GuestFault fault) {
        throw fault.raise(GuestFault.SS, ext);
      }
      c.mmu.probeWrite(linear, size);
    }
  }

  private static void fill(Cpu c, long[] frame, int at, long flags, boolean hasError, int error) {
    frame[at] = flags;
    frame[at + 1] = c.segments[CpuState.CS].selector;
    frame[at + 2] = c.rip;
    if (hasError) {
      frame[at + 3] = error & 0xffff_ffffL;
    }
  }
}
