package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.SegmentRegister;

/** Far JMP, CALL and RET, through code segments and call gates (Intel SDM vol. 3A 5.8). Transfers to tasks are in {@link TaskSwitch}. */
final class FarTransfers {
  private static final int RSP = 4;
  private static final long EFER_LMA = 1 << 10;
  private static final int TYPE_CALL_GATE_16 = 4;
  private static final int TYPE_TASK_GATE = 5;
  private static final int TYPE_CALL_GATE_32 = 12;

  private FarTransfers() {}

  static boolean longMode(Cpu c) {
    return (c.efer & EFER_LMA) != 0;
  }

  /** Far JMP. */
  static void jump(Cpu c, int selector, long offset, int operandSize, long nextRip) {
    long descriptor = target(c, selector);
    if ((descriptor & Descriptors.CODE_OR_DATA) != 0) {
      checkCode(c, selector, descriptor, true);
      toCode(c, selector, descriptor, c.cpl, cut(offset, operandSize));
    } else {
      gateOrTask(c, selector, descriptor, false, operandSize, nextRip);
    }
  }

  /** Far CALL. */
  static void call(Cpu c, int selector, long offset, int operandSize, long nextRip) {
    long descriptor = target(c, selector);
    if ((descriptor & Descriptors.CODE_OR_DATA) != 0) {
      checkCode(c, selector, descriptor, true);
      long rip = cut(offset, operandSize);
      checkTarget(c, descriptor, rip);
      pushReturn(c, operandSize, nextRip);
      long rsp = SystemStack.moved(c, -2L * operandSize);
      toCode(c, selector, descriptor, c.cpl, rip);
      c.r[RSP] = rsp;
    } else {
      gateOrTask(c, selector, descriptor, true, operandSize, nextRip);
    }
  }

  /** Far RET, releasing {@code release} bytes of parameters. */
  static void ret(Cpu c, int operandSize, int release) {
    long rip = SystemStack.read(c, 0, operandSize);
    int selector = (int) SystemStack.read(c, operandSize, operandSize) & 0xffff;
    if ((selector & 3) < c.cpl) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc);
    }
    long descriptor = returnTarget(c, selector, rip);
    if ((selector & 3) == c.cpl) {
      long rsp = SystemStack.moved(c, 2L * operandSize + release);
      toCode(c, selector, descriptor, c.cpl, rip);
      c.r[RSP] = rsp;
      return;
    }
    long newRsp = SystemStack.read(c, 2L * operandSize + release, operandSize);
    int newSs = (int) SystemStack.read(c, 3L * operandSize + release, operandSize) & 0xffff;
    outer(c, selector, descriptor, rip, newSs, newRsp, release, operandSize);
  }

  /** The code segment that a return goes to, checked. */
  static long returnTarget(Cpu c, int selector, long rip) {
    if (Descriptors.isNull(selector)) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    long descriptor = Descriptors.fetch(c, selector, GuestFault.GP);
    int rpl = selector & 3;
    int dpl = Descriptors.dpl(descriptor);
    boolean wrong =
        !Descriptors.isCode(descriptor)
            || (Descriptors.isConforming(descriptor) ? dpl > rpl : dpl != rpl)
            || longMode(c) && (descriptor & 3L << 53) == 3L << 53;
    if (wrong) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc);
    }
    if (!Descriptors.isPresent(descriptor)) {
      throw c.fault.raise(GuestFault.NP, selector & 0xfffc);
    }
    checkTarget(c, descriptor, rip);
    return descriptor;
  }

  /** Completes a return to an outer privilege with its stack. */
  static void outer(
      Cpu c,
      int selector,
      long descriptor,
      long rip,
      int newSs,
      long newRsp,
      int release,
      int operandSize) {
    int rpl = selector & 3;
    boolean to64 = longMode(c) && (descriptor & 1L << 53) != 0;
    long stack = 0;
    if (Descriptors.isNull(newSs)) {
      if (!to64 || rpl == 3 || (newSs & 3) != rpl) {
        throw c.fault.raise(GuestFault.GP, 0);
      }
    } else {
      stack = Descriptors.stackDescriptor(c, newSs, rpl, GuestFault.GP);
    }
    if (!Descriptors.isNull(newSs)) {
      stack = Descriptors.markAccessed(c, newSs, stack);
    }
    toCode(c, selector, descriptor, rpl, rip);
    if (Descriptors.isNull(newSs)) {
      Descriptors.nullStack(c, newSs);
    } else {
      Descriptors.unpack(c.segments[CpuState.SS], newSs, stack);
    }
    long mask = SystemStack.mask(c);
    long moved = newRsp + release;
    c.r[RSP] = mask == 0xffffL ? c.r[RSP] & ~mask | moved & mask : moved & mask;
    if (operandSize == 4 && mask == -1L) {
      c.r[RSP] = moved & 0xffff_ffffL;
    }
    Descriptors.dropInner(c);
  }

  /** Sets CS, CPL and RIP to a checked code segment. Everything that can fault is behind. */
  static void toCode(Cpu c, int selector, long descriptor, int cpl, long rip) {
    checkTarget(c, descriptor, rip);
    long marked = Descriptors.markAccessed(c, selector, descriptor);
    Descriptors.unpack(c.segments[CpuState.CS], selector & ~3 | cpl, marked);
    c.cpl = cpl;
    c.rip = rip;
    c.mmu.select();
    c.attention = true;
  }

  /** #GP(0) for a RIP that is not canonical, or past the limit of a segment outside 64-bit mode. */
  static void checkTarget(Cpu c, long descriptor, long rip) {
    checkTarget(c, descriptor, rip, 0);
  }

  /** As {@link #checkTarget(Cpu, long, long)}, with EXT in the error code. */
  static void checkTarget(Cpu c, long descriptor, long rip, int ext) {
    boolean to64 = longMode(c) && (descriptor & 1L << 53) != 0;
    boolean outside = to64 ? rip << 16 >> 16 != rip : rip > Descriptors.limit(descriptor);
    if (outside) {
      throw c.fault.raise(GuestFault.GP, ext);
    }
  }

  /** Stores CS and the return address below RSP, which stays; both are checked first. */
  private static void pushReturn(Cpu c, int size, long nextRip) {
    c.mmu.probeWrite(SystemStack.linear(c, -size, size, true), size);
    c.mmu.probeWrite(SystemStack.linear(c, -2L * size, size, true), size);
    SystemStack.write(c, -size, size, c.segments[CpuState.CS].selector);
    SystemStack.write(c, -2L * size, size, nextRip);
  }

  private static long cut(long offset, int operandSize) {
    return operandSize == 8 ? offset : offset & (1L << 8 * operandSize) - 1;
  }

  private static long target(Cpu c, int selector) {
    if (Descriptors.isNull(selector)) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    return Descriptors.fetch(c, selector, GuestFault.GP);
  }

  /** A code segment that a direct far JMP or CALL may go to. */
  private static void checkCode(Cpu c, int selector, long descriptor, boolean direct) {
    int dpl = Descriptors.dpl(descriptor);
    boolean wrong =
        !Descriptors.isCode(descriptor)
            || longMode(c) && (descriptor & 3L << 53) == 3L << 53
            || (Descriptors.isConforming(descriptor)
                ? dpl > c.cpl
                : dpl != c.cpl || direct && (selector & 3) > c.cpl);
    if (wrong) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc);
    }
    if (!Descriptors.isPresent(descriptor)) {
      throw c.fault.raise(GuestFault.NP, selector & 0xfffc);
    }
  }

  private static void gateOrTask(
      Cpu c, int selector, long descriptor, boolean call, int operandSize, long nextRip) {
    int type = Descriptors.type(descriptor);
    int dpl = Descriptors.dpl(descriptor);
    boolean gate = type == TYPE_CALL_GATE_32 || type == TYPE_CALL_GATE_16 && !longMode(c);
    boolean task = !longMode(c) && (type == TYPE_TASK_GATE || type == 1 || type == 9);
    if (!gate && !task || dpl < c.cpl || dpl < (selector & 3)) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc);
    }
    if (!Descriptors.isPresent(descriptor)) {
      throw c.fault.raise(GuestFault.NP, selector & 0xfffc);
    }
    if (task) {
      TaskSwitch.transfer(c, selector, descriptor, call, nextRip);
      return;
    }
    throughGate(c, selector, descriptor, call, nextRip);
  }

  private static void throughGate(Cpu c, int gateSelector, long gate, boolean call, long nextRip) {
    boolean wide = longMode(c);
    int size = wide ? 8 : Descriptors.type(gate) == TYPE_CALL_GATE_32 ? 4 : 2;
    long offset = gate & 0xffff | (size == 2 ? 0 : gate >>> 32 & 0xffff_0000L);
    if (wide) {
      long upper = Descriptors.fetchUpper(c, gateSelector, GuestFault.GP);
      if ((upper >>> 40 & 0x1f) != 0) {
        throw c.fault.raise(GuestFault.GP, gateSelector & 0xfffc);
      }
      offset |= upper << 32;
    }
    int selector = (int) (gate >>> 16) & 0xffff;
    if (Descriptors.isNull(selector)) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    long code = Descriptors.fetch(c, selector, GuestFault.GP);
    int dpl = Descriptors.dpl(code);
    boolean wrong =
        !Descriptors.isCode(code)
            || dpl > c.cpl
            || wide && (code & 3L << 53) != 1L << 53
            || !call && !Descriptors.isConforming(code) && dpl != c.cpl;
    if (wrong) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc);
    }
    if (!Descriptors.isPresent(code)) {
      throw c.fault.raise(GuestFault.NP, selector & 0xfffc);
    }
    if (!call) {
      toCode(c, selector, code, c.cpl, offset);
    } else if (Descriptors.isConforming(code) || dpl == c.cpl) {
      checkTarget(c, code, offset);
      pushReturn(c, size, nextRip);
      long rsp = SystemStack.moved(c, -2L * size);
      toCode(c, selector, code, c.cpl, offset);
      c.r[RSP] = rsp;
    } else {
      inner(c, gate, selector, code, offset, size, nextRip);
    }
  }

  /** A call gate to an inner privilege: the new stack from the TSS, parameters copied. */
  private static void inner(
      Cpu c, long gate, int selector, long code, long offset, int size, long nextRip) {
    int dpl = Descriptors.dpl(code);
    int parameters = size == 8 ? 0 : (int) (gate >>> 32) & 0x1f;
    long[] words = new long[4 + parameters];
    SegmentRegister oldSs = c.segments[CpuState.SS];
    words[0] = oldSs.selector;
    words[1] = c.r[RSP];
    for (int i = 0; i < parameters; i++) {
      words[2 + i] = SystemStack.read(c, (long) (parameters - 1 - i) * size, size);
    }
    words[2 + parameters] = c.segments[CpuState.CS].selector;
    words[3 + parameters] = nextRip;
    InnerStack stack = InnerStack.ofPrivilege(c, dpl, 0);
    checkTarget(c, code, offset);
    stack.push(c, words, size, 0);
    toCode(c, selector, code, dpl, offset);
    stack.install(c);
  }
}
