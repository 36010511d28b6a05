package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.SegmentRegister;

/**
 * Hardware task switches between TSSs of 32 and 16 bits (Intel SDM vol. 3A chapter 8, 8.3 for the order of things). Protected mode only: in long mode every way here is #GP.
 *
 * <p>What fails before the switch is the old task's fault and changes nothing. After it, loading segment registers may fail in the new task, which has its registers already: such a fault is delivered
 * from here, at the new task's first instruction.
 */
final class TaskSwitch {
  private static final int JUMP = 0;
  private static final int CALL = 1;
  private static final int INTERRUPT = 2;
  private static final int RETURN = 3;

  private static final int TASK_GATE = 5;
  private static final long BUSY = 1L << 41;
  private static final long LOCAL_ENABLES = 0x155;

  /** Flags that exist, but VM. */
  private static final long FLAGS = 0x3d7fd7L;

  private static final int[] SEGMENT_ORDER = {
    CpuState.ES, CpuState.CS, CpuState.SS, CpuState.DS, CpuState.FS, CpuState.GS
  };

  private TaskSwitch() {}

  /** JMP or CALL to a task gate or to the descriptor of an available TSS, whose privilege and presence are checked. */
  static void transfer(Cpu c, int selector, long descriptor, boolean call, long nextRip) {
    int tss = selector;
    if (Descriptors.type(descriptor) == TASK_GATE) {
      tss = (int) (descriptor >>> 16) & 0xffff;
    }
    long target = available(c, tss, 0);
    switchTo(c, tss, target, call ? CALL : JUMP, nextRip, Flags.rflags(c), 0);
  }

  /**
   * An interrupt or exception through a task gate.
   *
   * @param selector of the TSS, as the gate has it
   * @param flags what the old task's image of EFLAGS gets
   * @param ext 1 where the error codes of failures say EXT
   */
  static void interrupt(Cpu c, int selector, boolean hasError, int error, long flags, int ext) {
    long target = available(c, selector, ext);
    int size = isWide(target) ? 4 : 2;
    boolean switched = switchTo(c, selector, target, INTERRUPT, c.rip, flags, ext);
    if (!switched || !hasError) {
      return;
    }
    try {
      SystemStack.write(c, -size, size, error & 0xffff_ffffL);
      SystemStack.adjust(c, -size);
    } catch (GuestFault fault) {
      deliver(c, fault);
    }
  }

  /** IRET with NT set: back to the task that the TSS links to. */
  static void returnToPrevious(Cpu c, long nextRip) {
    SegmentRegister old = c.segments[CpuState.TR];
    int selector = (int) c.mmu.loadSystem(old.base, 2);
    long descriptor = inGdt(c, selector, GuestFault.TS, 0);
    if (!isTss(descriptor) || (descriptor & BUSY) == 0) {
      throw c.fault.raise(GuestFault.TS, selector & 0xfffc);
    }
    present(c, selector, descriptor, 0);
    long flags = Flags.rflags(c) & ~Delivery.FLAG_NT;
    switchTo(c, selector, descriptor, RETURN, nextRip, flags, 0);
  }

  /** Delivers a fault that the new task met while it was entered. */
  private static void deliver(Cpu c, GuestFault fault) {
    boolean single = c.single;
    c.single = true;
    c.mmu.select();
    c.interrupts.exception(fault);
    c.single = single;
  }

  private static long available(Cpu c, int selector, int ext) {
    long descriptor = inGdt(c, selector, GuestFault.GP, ext);
    if (!isTss(descriptor) || (descriptor & BUSY) != 0) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc | ext);
    }
    present(c, selector, descriptor, ext);
    return descriptor;
  }

  private static long inGdt(Cpu c, int selector, int vector, int ext) {
    long at = (selector & 4) != 0 ? -1 : Descriptors.address(c, selector, 8);
    if (at == -1 || Descriptors.isNull(selector)) {
      throw c.fault.raise(vector, selector & 0xfffc | ext);
    }
    return c.mmu.loadSystem(at, 8);
  }

  /** Type 1, 3, 9 or 11. */
  private static boolean isTss(long descriptor) {
    return (descriptor & Descriptors.CODE_OR_DATA) == 0 && (Descriptors.type(descriptor) & 5) == 1;
  }

  private static boolean isWide(long descriptor) {
    return (Descriptors.type(descriptor) & 8) != 0;
  }

  private static void present(Cpu c, int selector, long descriptor, int ext) {
    if (!Descriptors.isPresent(descriptor)) {
      throw c.fault.raise(GuestFault.NP, selector & 0xfffc | ext);
    }
    if (Descriptors.limit(descriptor) < (isWide(descriptor) ? 0x67 : 0x2b)) {
      throw c.fault.raise(GuestFault.TS, selector & 0xfffc | ext);
    }
  }

  /**
   * The switch itself.
   *
   * @param rip where the old task goes on
   * @param flags the old task's image of EFLAGS
   * @return false if the new task met a fault at once, which is delivered already
   */
  private static boolean switchTo(
      Cpu c, int selector, long descriptor, int why, long rip, long flags, int ext) {
    SegmentRegister tr = c.segments[CpuState.TR];
    boolean oldWide = (tr.type() & 8) != 0;
    boolean wide = isWide(descriptor);
    long base = Descriptors.base(descriptor);
    TaskImage image = wide ? TaskImage.load32(c, base) : TaskImage.load16(c, base);
    if ((image.flags & Delivery.FLAG_VM) != 0) {
      throw c.exits.unsupported(c.rip, new byte[0], "task switch to virtual-8086 mode");
    }
    // Nothing may fail from the first store on.
    long oldAt = Descriptors.address(c, tr.selector, 8);
    long newAt = Descriptors.address(c, selector, 8);
    c.mmu.probeSystemWrite(tr.base, oldWide ? 0x60 : 0x2a);
    c.mmu.probeSystemWrite(newAt, 8);
    boolean nested = why == CALL || why == INTERRUPT;
    if (nested) {
      c.mmu.probeSystemWrite(base, 2);
    } else if (oldAt != -1) {
      c.mmu.probeSystemWrite(oldAt, 8);
      c.mmu.storeSystem(oldAt + 5, 1, c.mmu.loadSystem(oldAt + 5, 1) & ~2);
    }
    if (oldWide) {
      TaskImage.store32(c, tr.base, rip, flags);
    } else {
      TaskImage.store16(c, tr.base, rip, flags);
    }
    if (nested) {
      c.mmu.storeSystem(base, 2, tr.selector);
      image.flags |= Delivery.FLAG_NT;
    }
    if (why != RETURN) {
      c.mmu.storeSystem(newAt + 5, 1, descriptor >>> 40 & 0xff | 2);
    }
    Descriptors.unpack(tr, selector, descriptor | BUSY);
    try {
      enter(c, image, wide, ext);
      return true;
    } catch (GuestFault fault) {
      deliver(c, fault);
      return false;
    }
  }

  /** Makes the new task's registers the CPU's. What is thrown from here on is thrown in the new task. */
  private static void enter(Cpu c, TaskImage image, boolean wide, int ext) {
    c.cr0 |= ControlRegisters.TS;
    c.dr7 &= ~LOCAL_ENABLES;
    c.interruptShadow = 0;
    c.attention = true;
    c.rip = image.rip;
    Flags.setRflags(c, image.flags & FLAGS | 2);
    System.arraycopy(image.registers, 0, c.r, 0, 8);
    for (int i = 0; i < SEGMENT_ORDER.length; i++) {
      c.segments[SEGMENT_ORDER[i]].set(image.selectors[i], 0, 0, SegmentRegister.UNUSABLE);
    }
    c.segments[CpuState.LDTR].set(image.ldt, 0, 0, SegmentRegister.UNUSABLE);
    // Faults on the way are delivered with the new task's privilege.
    c.cpl = image.selectors[1] & 3;
    if (image.trap) {
      c.pendingDebug |= DebugRegisters.BT;
    }
    if (wide && (c.cr0 & ControlRegisters.PG) != 0) {
      ControlRegisters.loadTaskCr3(c, image.cr3);
    }
    c.mmu.select();
    loadLdt(c, image.ldt, ext);
    loadStack(c, image.selectors[2], ext);
    loadCode(c, image.selectors[1], ext);
    for (int i : new int[] {0, 3, 4, 5}) {
      loadData(c, SEGMENT_ORDER[i], image.selectors[i], ext);
    }
    c.mmu.select();
    if (c.rip > c.segments[CpuState.CS].limit) {
      throw c.fault.raise(GuestFault.GP, ext);
    }
  }

  private static void loadLdt(Cpu c, int selector, int ext) {
    if (Descriptors.isNull(selector)) {
      return;
    }
    long descriptor = inGdt(c, selector, GuestFault.TS, ext);
    boolean ldt = (descriptor & Descriptors.CODE_OR_DATA) == 0 && Descriptors.type(descriptor) == 2;
    if (!ldt || !Descriptors.isPresent(descriptor)) {
      throw c.fault.raise(GuestFault.TS, selector & 0xfffc | ext);
    }
    Descriptors.unpack(c.segments[CpuState.LDTR], selector, descriptor);
  }

  private static long descriptor(Cpu c, int selector, int ext) {
    long at = Descriptors.address(c, selector, 8);
    if (at == -1) {
      throw c.fault.raise(GuestFault.TS, selector & 0xfffc | ext);
    }
    return c.mmu.loadSystem(at, 8);
  }

  private static void loadStack(Cpu c, int selector, int ext) {
    long descriptor = Descriptors.isNull(selector) ? 0 : descriptor(c, selector, ext);
    boolean fits =
        Descriptors.isWritableData(descriptor)
            && Descriptors.dpl(descriptor) == c.cpl
            && (selector & 3) == c.cpl;
    if (!fits) {
      throw c.fault.raise(GuestFault.TS, selector & 0xfffc | ext);
    }
    if (!Descriptors.isPresent(descriptor)) {
      throw c.fault.raise(GuestFault.SS, selector & 0xfffc | ext);
    }
    load(c, CpuState.SS, selector, descriptor);
  }

  private static void loadCode(Cpu c, int selector, int ext) {
    long descriptor = Descriptors.isNull(selector) ? 0 : descriptor(c, selector, ext);
    int dpl = Descriptors.dpl(descriptor);
    boolean fits =
        Descriptors.isCode(descriptor)
            && (Descriptors.isConforming(descriptor) ? dpl <= c.cpl : dpl == c.cpl);
    if (!fits) {
      throw c.fault.raise(GuestFault.TS, selector & 0xfffc | ext);
    }
    if (!Descriptors.isPresent(descriptor)) {
      throw c.fault.raise(GuestFault.NP, selector & 0xfffc | ext);
    }
    load(c, CpuState.CS, selector, descriptor);
  }

  private static void loadData(Cpu c, int index, int selector, int ext) {
    if (Descriptors.isNull(selector)) {
      return;
    }
    long descriptor = descriptor(c, selector, ext);
    boolean conforming = Descriptors.isCode(descriptor) && Descriptors.isConforming(descriptor);
    int dpl = Descriptors.dpl(descriptor);
    boolean fits =
        Descriptors.isReadable(descriptor) && (conforming || dpl >= Math.max(c.cpl, selector & 3));
    if (!fits) {
      throw c.fault.raise(GuestFault.TS, selector & 0xfffc | ext);
    }
    if (!Descriptors.isPresent(descriptor)) {
      throw c.fault.raise(GuestFault.NP, selector & 0xfffc | ext);
    }
    load(c, index, selector, descriptor);
  }

  private static void load(Cpu c, int index, int selector, long descriptor) {
    long marked = Descriptors.markAccessed(c, selector, descriptor);
    Descriptors.unpack(c.segments[index], selector, marked);
  }
}
