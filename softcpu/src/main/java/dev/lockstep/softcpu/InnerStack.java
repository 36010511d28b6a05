package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.SegmentRegister;

/** The stack that a transfer to an inner privilege switches to: found in the TSS, checked and filled before any register changes. Each CPU has one, set up anew by each transfer. */
final class InnerStack {
  private static final int RSP = 4;
  private static final int TSS32_TYPES = 9;

  private int selector;
  private long descriptor;
  private long rsp;
  private boolean wide;
  private long mask;

  private InnerStack set(int newSelector, long newDescriptor, long newRsp, boolean isWide) {
    selector = newSelector;
    descriptor = newDescriptor;
    rsp = newRsp;
    wide = isWide;
    mask = isWide ? -1L : (newDescriptor & 1L << 54) != 0 ? 0xffff_ffffL : 0xffffL;
    return this;
  }

  /**
   * The TSS's stack for a privilege.
   *
   * @param ext 1 where the error codes of failures say EXT
   */
  static InnerStack ofPrivilege(Cpu c, int dpl, int ext) {
    SegmentRegister tr = c.segments[CpuState.TR];
    if (FarTransfers.longMode(c)) {
      return c.innerStack.set(dpl, 0, fromTss(c, 4 + 8L * dpl, ext), true);
    }
    boolean wideTss = (tr.type() & TSS32_TYPES) == TSS32_TYPES;
    long at = wideTss ? 4 + 8L * dpl : 2 + 4L * dpl;
    int bytes = wideTss ? 4 : 2;
    if (at + bytes + 1 > tr.limit) {
      throw c.fault.raise(GuestFault.TS, tr.selector & 0xfffc | ext);
    }
    long esp = c.mmu.loadSystem(tr.base + at, bytes);
    int ss = (int) c.mmu.loadSystem(tr.base + at + bytes, 2);
    if (Descriptors.isNull(ss)) {
      throw c.fault.raise(GuestFault.TS, ext);
    }
    long stack = Descriptors.fetch(c, ss, GuestFault.TS);
    if ((ss & 3) != dpl || Descriptors.dpl(stack) != dpl || !Descriptors.isWritableData(stack)) {
      throw c.fault.raise(GuestFault.TS, ss & 0xfffc | ext);
    }
    if (!Descriptors.isPresent(stack)) {
      throw c.fault.raise(GuestFault.SS, ss & 0xfffc | ext);
    }
    return c.innerStack.set(ss, stack, esp, false);
  }

  /** Long mode's interrupt stack table, 1..7, for a handler at {@code dpl}. */
  static InnerStack ofTable(Cpu c, int ist, int dpl, int ext) {
    return c.innerStack.set(dpl, 0, fromTss(c, 0x24 + 8L * (ist - 1), ext) & -16, true);
  }

  /** Rounds RSP down to 16 bytes, as interrupts in long mode do. */
  InnerStack aligned() {
    rsp &= -16;
    return this;
  }

  private static long fromTss(Cpu c, long at, int ext) {
    SegmentRegister tr = c.segments[CpuState.TR];
    if (at + 7 > tr.limit) {
      throw c.fault.raise(GuestFault.TS, tr.selector & 0xfffc | ext);
    }
    return c.mmu.loadSystem(tr.base + at, 8);
  }

  /**
   * Writes elements downwards, the first one highest, and marks the segment accessed. Everything is checked first.
   *
   * @param ext 1 where the error codes of failures say EXT
   */
  void push(Cpu c, long[] words, int size, int ext) {
    int total = words.length * size;
    long low = rsp - total & mask;
    if (wide ? low << 16 >> 16 != low : !holds(low, total)) {
      throw c.fault.raise(GuestFault.SS, wide ? ext : selector & 0xfffc | ext);
    }
    long base = wide ? 0 : Descriptors.base(descriptor);
    // The first element pushed is the first to fault.
    c.mmu.probeSystemWrite(base + (rsp - size & mask), size);
    c.mmu.probeSystemWrite(base + low, total);
    if (!wide) {
      descriptor = Descriptors.markAccessed(c, selector, descriptor);
    }
    for (long word : words) {
      rsp = rsp - size & mask;
      c.mmu.storeSystem(base + rsp, size, word);
    }
  }

  /** Whether the segment has all these bytes. */
  private boolean holds(long low, int total) {
    long limit = Descriptors.limit(descriptor);
    long last = low + total - 1;
    boolean expandsDown = (Descriptors.type(descriptor) & 4) != 0;
    return expandsDown ? low > limit && last <= mask : last <= limit;
  }

  /** RSP after the pushes. */
  long pointer() {
    return rsp;
  }

  /** Loads SS and RSP. */
  void install(Cpu c) {
    if (wide) {
      Descriptors.nullStack(c, selector);
      c.r[RSP] = rsp;
    } else {
      Descriptors.unpack(c.segments[CpuState.SS], selector, descriptor);
      c.r[RSP] = mask == 0xffffL ? c.r[RSP] & ~mask | rsp : rsp;
    }
  }
}
