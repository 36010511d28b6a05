package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;

/** Delivery of exceptions and interrupts through the IDT, and IRET (Intel SDM vol. 3A ch. 6). */
final class Delivery {
  static final long FLAG_TF = 1 << 8;
  static final long FLAG_IF = 1 << 9;
  static final long FLAG_IOPL = 3 << 12;
  static final long FLAG_NT = 1 << 14;
  static final long FLAG_RF = 1 << 16;
  static final long FLAG_VM = 1 << 17;
  static final long FLAG_AC = 1 << 18;
  static final long FLAG_VIF = 1 << 19;
  static final long FLAG_VIP = 1 << 20;
  static final long FLAG_ID = 1 << 21;

  /** Vectors with an error code: DF TS NP SS GP PF AC. */
  private static final int WITH_ERROR_CODE =
      1 << GuestFault.DF
          | 1 << GuestFault.TS
          | 1 << GuestFault.NP
          | 1 << GuestFault.SS
          | 1 << GuestFault.GP
          | 1 << GuestFault.PF
          | 1 << GuestFault.AC;

  /** Contributory exceptions (SDM table 6-4). */
  private static final int CONTRIBUTORY =
      1 << GuestFault.DE
          | 1 << GuestFault.TS
          | 1 << GuestFault.NP
          | 1 << GuestFault.SS
          | 1 << GuestFault.GP;

  private static final int EXT = 1;
  private static final int IN_IDT = 2;
  private static final int RSP = 4;
  private static final int NMI_VECTOR = 2;

  private Delivery() {}

  /**
   * Delivers an exception with RIP as it stands, escalating to a double fault and to shutdown where delivery itself fails. The caller counts the delivery.
   *
   * @param address for a page fault what goes to CR2
   * @param resume whether the saved flags have RF set in any case
   */
  static void exception(Cpu c, int vector, int errorCode, long address, boolean resume) {
    int first = vector;
    int error = errorCode;
    boolean rf = resume;
    if (vector == GuestFault.PF) {
      c.cr2 = address;
    }
    while (true) {
      try {
        boolean hasError = (WITH_ERROR_CODE & 1 << first) != 0;
        deliver(c, first, hasError, error, EXT, rf);
        if (first == GuestFault.DB) {
          c.dr7 &= ~DebugRegisters.GD;
        }
        return;
      } catch (GuestFault second) {
        c.exits.abandon();
        if (first == GuestFault.DF) {
          c.shutdown = true;
          c.attention = true;
          return;
        }
        int next = second.vector;
        if (next == GuestFault.PF) {
          c.cr2 = second.address;
        }
        boolean doubled =
            isContributory(first) && isContributory(next)
                || first == GuestFault.PF && (isContributory(next) || next == GuestFault.PF);
        first = doubled ? GuestFault.DF : next;
        error = doubled ? 0 : second.errorCode;
        rf = isFaultClass(first);
      }
    }
  }

  /** Delivers an external interrupt; a failure becomes the exception it is. */
  static void external(Cpu c, int vector) {
    event(c, vector);
  }

  /** Delivers an NMI and blocks further ones until IRET. */
  static void nmi(Cpu c) {
    c.nmiBlocked = true;
    event(c, NMI_VECTOR);
  }

  private static void event(Cpu c, int vector) {
    try {
      deliver(c, vector, false, 0, EXT, c.midRepeat);
    } catch (GuestFault fault) {
      c.exits.abandon();
      exception(c, fault.vector, fault.errorCode, fault.address, true);
    }
  }

  /** INT n, INT3, INTO: the gate's DPL is checked; a failure is thrown, with RIP on the instruction. */
  static void software(Cpu c, int vector, long nextRip) {
    long rip = c.rip;
    c.rip = nextRip;
    try {
      deliver(c, vector, false, 0, 0, false);
      c.skipTrap = true;
      Observation observation = c.observation;
      if (observation != null) {
        observation.called(ExecutionObserver.Call.SOFTWARE_INTERRUPT, vector);
      }
    } catch (GuestFault fault) {
      c.rip = rip;
      throw fault;
    }
  }

  /** INT1: delivered like a software interrupt, but without the check of the gate's DPL (Intel SDM vol. 2A, INT n). */
  static void privileged(Cpu c, int vector, long nextRip) {
    long rip = c.rip;
    c.rip = nextRip;
    try {
      deliver(c, vector, false, 0, EXT, false);
      c.dr7 &= ~DebugRegisters.GD;
      c.skipTrap = true;
    } catch (GuestFault fault) {
      c.rip = rip;
      throw fault;
    }
  }

  private static boolean isContributory(int vector) {
    return vector < 32 && (CONTRIBUTORY & 1 << vector) != 0;
  }

  /** Whether an exception is a fault, so that the saved flags have RF set and its instruction is not stopped again by its own breakpoint (SDM vol. 3B 18.3.1.1): all but the traps and aborts. */
  static boolean isFaultClass(int vector) {
    return vector != GuestFault.BP && vector != GuestFault.OF && vector != GuestFault.DF;
  }

  private static void deliver(
      Cpu c, int vector, boolean hasError, int error, int ext, boolean resume) {
    if (FarTransfers.longMode(c)) {
      deliverLong(c, vector, hasError, error, ext, resume);
    } else {
      LegacyInterrupts.deliver(c, vector, hasError, error, ext, resume);
    }
    c.halted = false;
  }

  private static void deliverLong(
      Cpu c, int vector, boolean hasError, int error, int ext, boolean resume) {
    int gateError = vector << 3 | IN_IDT | ext;
    if (16L * vector + 15 > c.idtLimit) {
      throw c.fault.raise(GuestFault.GP, gateError);
    }
    long gate = c.mmu.loadSystem(c.idtBase + 16L * vector, 8);
    long upper = c.mmu.loadSystem(c.idtBase + 16L * vector + 8, 8);
    int type = (int) (gate >>> 40) & 0x1f;
    boolean interruptGate = type == 0xe;
    boolean wrongType = type != 0xe && type != 0xf;
    if (wrongType || ext == 0 && Descriptors.dpl(gate) < c.cpl) {
      throw c.fault.raise(GuestFault.GP, gateError);
    }
    if (!Descriptors.isPresent(gate)) {
      throw c.fault.raise(GuestFault.NP, gateError);
    }
    int selector = (int) (gate >>> 16) & 0xffff;
    long rip = gate & 0xffff | gate >>> 32 & 0xffff_0000L | upper << 32;
    long code = handlerSegment(c, selector, ext);
    if ((code & 3L << 53) != 1L << 53) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc | ext);
    }
    int cpl = Descriptors.isConforming(code) ? c.cpl : Descriptors.dpl(code);
    int ist = (int) (gate >>> 32) & 7;
    boolean inner = cpl < c.cpl;
    long[] frame = frame(c, hasError, error, resume);
    if (ist != 0 || inner) {
      InnerStack stack =
          ist != 0
              ? InnerStack.ofTable(c, ist, cpl, ext)
              : InnerStack.ofPrivilege(c, cpl, ext).aligned();
      FarTransfers.checkTarget(c, code, rip, ext);
      stack.push(c, frame, 8, ext);
      FarTransfers.toCode(c, selector, code, cpl, rip);
      if (inner) {
        stack.install(c);
      } else {
        // An IST stack without a change of privilege leaves SS as it is.
        c.r[RSP] = stack.pointer();
      }
    } else {
      long rsp = c.r[RSP] & -16;
      FarTransfers.checkTarget(c, code, rip, ext);
      rsp = pushSame(c, rsp, frame, ext);
      FarTransfers.toCode(c, selector, code, cpl, rip);
      c.r[RSP] = rsp;
    }
    clearFlags(c, interruptGate);
  }

  private static long pushSame(Cpu c, long rsp, long[] frame, int ext) {
    int total = 8 * frame.length;
    long low = rsp - total;
    if (low << 16 >> 16 != low) {
      throw c.fault.raise(GuestFault.SS, ext);
    }
    // At CPL 3 the frame is a user access; below, a supervisor's.
    boolean user = c.cpl == 3;
    // The first element pushed is the first to fault.
    if (user) {
      c.mmu.probeWrite(rsp - 8, 8);
      c.mmu.probeWrite(low, total);
    } else {
      c.mmu.probeSystemWrite(rsp - 8, 8);
      c.mmu.probeSystemWrite(low, total);
    }
    long at = rsp;
    for (long word : frame) {
      at -= 8;
      if (user) {
        c.mmu.store64(at, word);
      } else {
        c.mmu.storeSystem(at, 8, word);
      }
    }
    return at;
  }

  /** SS, RSP, RFLAGS, CS, RIP and the error code, in the order they are pushed: the CPU's own array, filled anew by the next delivery. */
  private static long[] frame(Cpu c, boolean hasError, int error, boolean resume) {
    long[] frame = hasError ? c.frameWithError : c.frame;
    frame[0] = c.segments[CpuState.SS].selector;
    frame[1] = c.r[RSP];
    frame[2] = Flags.rflags(c) | (resume ? FLAG_RF : 0);
    frame[3] = c.segments[CpuState.CS].selector;
    frame[4] = c.rip;
    if (hasError) {
      frame[5] = error & 0xffff_ffffL;
    }
    return frame;
  }

  /** The segment of a handler, checked. */
  static long handlerSegment(Cpu c, int selector, int ext) {
    if (Descriptors.isNull(selector)) {
      throw c.fault.raise(GuestFault.GP, ext);
    }
    long at = Descriptors.address(c, selector, 8);
    if (at == -1) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc | ext);
    }
    long code = c.mmu.loadSystem(at, 8);
    if (!Descriptors.isCode(code) || Descriptors.dpl(code) > c.cpl) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc | ext);
    }
    if (!Descriptors.isPresent(code)) {
      throw c.fault.raise(GuestFault.NP, selector & 0xfffc | ext);
    }
    return code;
  }

  /** What entering a handler clears. */
  static void clearFlags(Cpu c, boolean interruptGate) {
    c.systemFlags &= ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
    if (interruptGate) {
      c.systemFlags &= ~FLAG_IF;
    }
    c.interruptShadow = 0;
    c.attention = true;
  }

  /** IRET, IRETD, IRETQ. NMIs are unblocked even where it faults (SDM vol. 3C 26.3). */
  static void iret(Cpu c, int operandSize, long nextRip) {
    c.nmiBlocked = false;
    boolean wide = FarTransfers.longMode(c);
    if ((c.systemFlags & FLAG_NT) != 0) {
      if (wide) {
        throw c.fault.raise(GuestFault.GP, 0);
      }
      TaskSwitch.returnToPrevious(c, nextRip);
      return;
    }
    long rip = SystemStack.read(c, 0, operandSize);
    int selector = (int) SystemStack.read(c, operandSize, operandSize) & 0xffff;
    long flags = SystemStack.read(c, 2L * operandSize, operandSize);
    if (!wide && operandSize == 4 && c.cpl == 0 && (flags & FLAG_VM) != 0) {
      throw c.exits.unsupported(c.rip, new byte[] {(byte) 0xcf}, "return to virtual-8086 mode");
    }
    if ((selector & 3) < c.cpl) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc);
    }
    long descriptor = FarTransfers.returnTarget(c, selector, rip);
    boolean from64 = CodeMode.of(c) == CodeMode.LONG64;
    int cpl = c.cpl;
    if (from64 || (selector & 3) > cpl) {
      long rsp = SystemStack.read(c, 3L * operandSize, operandSize);
      int ss = (int) SystemStack.read(c, 4L * operandSize, operandSize) & 0xffff;
      FarTransfers.outer(c, selector, descriptor, rip, ss, rsp, 0, operandSize);
    } else {
      // RSP moves in the width of the stack that was popped.
      long rsp = SystemStack.moved(c, 3L * operandSize);
      FarTransfers.toCode(c, selector, descriptor, cpl, rip);
      c.r[RSP] = rsp;
    }
    restoreFlags(c, flags, operandSize, cpl);
  }

  private static void restoreFlags(Cpu c, long flags, int operandSize, int oldCpl) {
    long writable = Flags.ARITHMETIC | Flags.DF | FLAG_TF | FLAG_NT;
    if (operandSize > 2) {
      writable |= FLAG_RF | FLAG_AC | FLAG_ID;
    }
    if (oldCpl == 0) {
      writable |= FLAG_IOPL | (operandSize > 2 ? FLAG_VIF | FLAG_VIP : 0);
    }
    if (oldCpl <= (c.systemFlags >>> 12 & 3)) {
      writable |= FLAG_IF;
    }
    Flags.setRflags(c, Flags.rflags(c) & ~writable | flags & writable);
    c.mmu.select();
    c.attention = true;
  }
}
