package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.RegisterDigest;
import dev.lockstep.engine.SegmentRegister;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_debugregs;
import dev.lockstep.kvm.layout.kvm_dtable;
import dev.lockstep.kvm.layout.kvm_msr_entry;
import dev.lockstep.kvm.layout.kvm_regs;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvm.layout.kvm_segment;
import dev.lockstep.kvm.layout.kvm_sregs;
import dev.lockstep.kvm.layout.kvm_vcpu_events;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.function.BiConsumer;

/**
 * Between a {@link CpuState} and the kernel's vCPU: every field, by KVM_GET/SET_REGS, SREGS, XSAVE, DEBUGREGS, VCPU_EVENTS and MSRS. The kernel's structures are kept between calls, so what a CpuState does
 * not have (the APIC's base, say) goes back as it came.
 */
final class KvmState {
  /** KVM_X86_SHADOW_INT_MOV_SS and _STI of {@code kvm_vcpu_events.interrupt.shadow} (asm/kvm.h). */
  private static final int SHADOW_MOV_SS = 1, SHADOW_STI = 2;

  private static final int MXCSR_AT = 24;
  private static final int MXCSR_MASK_AT = 28;

  /** MXCSR's bits that x86-64-v1 has (Intel SDM vol. 1 10.2.3). */
  private static final int MXCSR_BITS = 0xffff;

  /** Where FXSAVE's image has bytes that no register is in (SDM vol. 1 table 10-2). */
  private static final int FXSAVE_UNUSED_FROM = 416;

  /** Offset of XSTATE_BV in an XSAVE area, and the x87 and SSE bits (SDM vol. 1 13.4.2). */
  private static final long XSTATE_BV = 512;

  private static final long X87_AND_SSE = 3;
  private static final int BUSY_TSS = 11;

  /** SYSENTER's three, PAT, STAR, LSTAR, CSTAR, SFMASK, KERNEL_GS_BASE: those of a CpuState that no other structure has. */
  private static final int[] MSRS = {
    0x174, 0x175, 0x176, 0x277, 0xc000_0081, 0xc000_0082, 0xc000_0083, 0xc000_0084, 0xc000_0102
  };

  private static final String[] MSR_FIELDS = {
    "sysenterCs",
    "sysenterEsp",
    "sysenterEip",
    "pat",
    "star",
    "lstar",
    "cstar",
    "sfmask",
    "kernelGsBase"
  };

  private static final byte[] NOTHING = {};

  private final KvmVcpuHandle vcpu;
  private final KvmStructures at;

  KvmState(KvmVcpuHandle vcpu, Arena arena) {
    this.vcpu = vcpu;
    this.at = new KvmStructures(arena, MSRS);
    vcpu.getSregs(at.sregs);
  }

  /** The time-stamp counter that the guest would read now. */
  long timeStampCounter() {
    vcpu.getMsrs(at.tsc);
    return kvm_msr_entry.data(at.tscEntry);
  }

  /** Reads RIP, RCX, RFLAGS and the rest of the general registers, for the accessors below. */
  void readRegs() {
    vcpu.getRegs(at.regs);
  }

  /** Replaces RDX alone. */
  void writeRdx(long value) {
    vcpu.getRegs(at.regs);
    kvm_regs.rdx(at.regs, value);
    vcpu.setRegs(at.regs);
  }

  long rip() {
    return kvm_regs.rip(at.regs);
  }

  long rcx() {
    return kvm_regs.rcx(at.regs);
  }

  /**
   * Of the registers that were read.
   *
   * @param scratch its general registers, RIP and RFLAGS are overwritten
   */
  long registerDigest(CpuState scratch) {
    getRegs(at.regs, scratch);
    return RegisterDigest.of(scratch.gpr, scratch.rflags);
  }

  boolean interruptFlag() {
    return (kvm_regs.rflags(at.regs) & 1 << 9) != 0;
  }

  /** Sets RCX alone. */
  void writeRcx(long value) {
    readRegs();
    kvm_regs.rcx(at.regs, value);
    vcpu.setRegs(at.regs);
  }

  /** Reads what waits to be delivered, for the accessors below. */
  void readEvents() {
    vcpu.getEvents(at.events);
  }

  boolean shadowed() {
    return kvm_vcpu_events.interrupt.shadow(at.interrupt) != 0;
  }

  /** An NMI waits in the kernel. */
  boolean nmiPending() {
    return kvm_vcpu_events.nmi.pending(at.nmi) != 0 || kvm_vcpu_events.nmi.injected(at.nmi) != 0;
  }

  boolean nmiBlocked() {
    return kvm_vcpu_events.nmi.masked(at.nmi) != 0;
  }

  /** An exception, interrupt or NMI is on its way into the guest. */
  boolean delivering() {
    return kvm_vcpu_events.exception.injected(at.exception) != 0
        || kvm_vcpu_events.exception.pending(at.exception) != 0
        || kvm_vcpu_events.interrupt.injected(at.interrupt) != 0;
  }

  /** Queues an exception in the kernel; {@link #readEvents} came before. */
  void queueException(int vector, int errorCode) {
    kvm_vcpu_events.exception.injected(at.exception, (byte) 1);
    kvm_vcpu_events.exception.pending(at.exception, (byte) 0);
    kvm_vcpu_events.exception.nr(at.exception, (byte) vector);
    kvm_vcpu_events.exception.has_error_code(at.exception, (byte) (hasErrorCode(vector) ? 1 : 0));
    kvm_vcpu_events.exception.error_code(at.exception, errorCode);
    kvm_vcpu_events.flags(
        at.events,
        LinuxKvm.KVM_VCPUEVENT_VALID_NMI_PENDING() | LinuxKvm.KVM_VCPUEVENT_VALID_SHADOW());
    vcpu.setEvents(at.events);
  }

  /** Double fault, invalid TSS, segment not present, stack, general protection, page fault, alignment (SDM vol. 3A table 6-1). */
  private static boolean hasErrorCode(int vector) {
    return vector == 8 || vector >= 10 && vector <= 14 || vector == 17;
  }

  /** Copies out what decides whether, and in which order, an event can be delivered: RFLAGS with the general registers, and what waits already. The rest of {@code s} stays. */
  void getDeliverable(CpuState s) {
    vcpu.getRegs(at.regs);
    vcpu.getEvents(at.events);
    getRegs(at.regs, s);
    getEvents(s);
    s.pendingDebug = 0;
  }

  /** Copies the whole state out; {@code halted} and {@code shutdown} are not the kernel's. */
  void get(CpuState s) {
    vcpu.getRegs(at.regs);
    vcpu.getSregs(at.sregs);
    vcpu.getXsave(at.xsave);
    vcpu.getDebugRegs(at.debug);
    vcpu.getEvents(at.events);
    if (vcpu.getMsrs(at.msrs) != MSRS.length) {
      throw new IllegalStateException("KVM does not have all of the registers it listed");
    }
    getRegs(at.regs, s);
    getSregs(s);
    MemorySegment.copy(at.xsave, ValueLayout.JAVA_BYTE, 0, s.fxsave, 0, FXSAVE_UNUSED_FROM);
    for (int i = FXSAVE_UNUSED_FROM; i < CpuState.FXSAVE_BYTES; i++) {
      s.fxsave[i] = 0;
    }
    putInt(s.fxsave, MXCSR_MASK_AT, MXCSR_BITS);
    for (int i = 0; i < 4; i++) {
      s.debugAddress[i] = kvm_debugregs.db(at.debug, i);
    }
    s.dr6 = kvm_debugregs.dr6(at.debug);
    s.dr7 = kvm_debugregs.dr7(at.debug);
    getMsrs(s);
    getEvents(s);
    s.tscOffset = 0;
    s.pendingDebug = 0;
    s.engineState = NOTHING;
  }

  /** General registers, RIP and RFLAGS of a {@code kvm_regs}. */
  static void getRegs(MemorySegment regs, CpuState s) {
    s.gpr[0] = kvm_regs.rax(regs);
    s.gpr[1] = kvm_regs.rcx(regs);
    s.gpr[2] = kvm_regs.rdx(regs);
    s.gpr[3] = kvm_regs.rbx(regs);
    s.gpr[4] = kvm_regs.rsp(regs);
    s.gpr[5] = kvm_regs.rbp(regs);
    s.gpr[6] = kvm_regs.rsi(regs);
    s.gpr[7] = kvm_regs.rdi(regs);
    s.gpr[8] = kvm_regs.r8(regs);
    s.gpr[9] = kvm_regs.r9(regs);
    s.gpr[10] = kvm_regs.r10(regs);
    s.gpr[11] = kvm_regs.r11(regs);
    s.gpr[12] = kvm_regs.r12(regs);
    s.gpr[13] = kvm_regs.r13(regs);
    s.gpr[14] = kvm_regs.r14(regs);
    s.gpr[15] = kvm_regs.r15(regs);
    s.rip = kvm_regs.rip(regs);
    s.rflags = kvm_regs.rflags(regs);
  }

  private void setRegs(CpuState s) {
    kvm_regs.rax(at.regs, s.gpr[0]);
    kvm_regs.rcx(at.regs, s.gpr[1]);
    kvm_regs.rdx(at.regs, s.gpr[2]);
    kvm_regs.rbx(at.regs, s.gpr[3]);
    kvm_regs.rsp(at.regs, s.gpr[4]);
    kvm_regs.rbp(at.regs, s.gpr[5]);
    kvm_regs.rsi(at.regs, s.gpr[6]);
    kvm_regs.rdi(at.regs, s.gpr[7]);
    kvm_regs.r8(at.regs, s.gpr[8]);
    kvm_regs.r9(at.regs, s.gpr[9]);
    kvm_regs.r10(at.regs, s.gpr[10]);
    kvm_regs.r11(at.regs, s.gpr[11]);
    kvm_regs.r12(at.regs, s.gpr[12]);
    kvm_regs.r13(at.regs, s.gpr[13]);
    kvm_regs.r14(at.regs, s.gpr[14]);
    kvm_regs.r15(at.regs, s.gpr[15]);
    kvm_regs.rip(at.regs, s.rip);
    kvm_regs.rflags(at.regs, s.rflags);
  }

  private void getSregs(CpuState s) {
    for (int i = 0; i < s.segments.length; i++) {
      getSegment(at.segment(i), s.segments[i]);
    }
    SegmentRegister task = s.segments[CpuState.TR];
    if (task.selector == 0 && task.base == 0 && task.limit == 0) {
      // Too short for any task: the one that stands in for none.
      task.set(0, 0, 0, SegmentRegister.UNUSABLE);
    }
    s.gdtBase = kvm_dtable.base(at.gdt);
    s.gdtLimit = Short.toUnsignedInt(kvm_dtable.limit(at.gdt));
    s.idtBase = kvm_dtable.base(at.idt);
    s.idtLimit = Short.toUnsignedInt(kvm_dtable.limit(at.idt));
    s.cr0 = kvm_sregs.cr0(at.sregs);
    s.cr2 = kvm_sregs.cr2(at.sregs);
    s.cr3 = kvm_sregs.cr3(at.sregs);
    s.cr4 = kvm_sregs.cr4(at.sregs);
    s.cr8 = kvm_sregs.cr8(at.sregs);
    s.efer = kvm_sregs.efer(at.sregs);
  }

  private static void getSegment(MemorySegment from, SegmentRegister into) {
    int access =
        kvm_segment.type(from)
            | kvm_segment.s(from) << 4
            | kvm_segment.dpl(from) << 5
            | kvm_segment.present(from) << 7
            | kvm_segment.avl(from) << 12
            | kvm_segment.l(from) << 13
            | kvm_segment.db(from) << 14
            | kvm_segment.g(from) << 15;
    into.set(
        Short.toUnsignedInt(kvm_segment.selector(from)),
        kvm_segment.base(from),
        Integer.toUnsignedLong(kvm_segment.limit(from)),
        kvm_segment.unusable(from) != 0 ? access | SegmentRegister.UNUSABLE : access);
  }

  private static void setSegment(SegmentRegister from, MemorySegment into) {
    int access = from.access;
    kvm_segment.selector(into, (short) from.selector);
    kvm_segment.base(into, from.base);
    kvm_segment.limit(into, (int) from.limit);
    kvm_segment.type(into, (byte) (access & 0xf));
    kvm_segment.s(into, (byte) (access >> 4 & 1));
    kvm_segment.dpl(into, (byte) (access >> 5 & 3));
    kvm_segment.present(into, (byte) (access >> 7 & 1));
    kvm_segment.avl(into, (byte) (access >> 12 & 1));
    kvm_segment.l(into, (byte) (access >> 13 & 1));
    kvm_segment.db(into, (byte) (access >> 14 & 1));
    kvm_segment.g(into, (byte) (access >> 15 & 1));
    kvm_segment.unusable(into, (byte) (from.usable() ? 0 : 1));
  }

  private void setSregs(CpuState s) {
    for (int i = 0; i < s.segments.length; i++) {
      setSegment(s.segments[i], at.segment(i));
    }
    if (!s.segments[CpuState.TR].usable()) {
      // VMX refuses to enter without a task register (SDM vol. 3C 26.3.1.2).
      MemorySegment tr = at.segment(CpuState.TR);
      kvm_segment.type(tr, (byte) BUSY_TSS);
      kvm_segment.s(tr, (byte) 0);
      kvm_segment.present(tr, (byte) 1);
      kvm_segment.unusable(tr, (byte) 0);
    }
    kvm_dtable.base(at.gdt, s.gdtBase);
    kvm_dtable.limit(at.gdt, (short) s.gdtLimit);
    kvm_dtable.base(at.idt, s.idtBase);
    kvm_dtable.limit(at.idt, (short) s.idtLimit);
    kvm_sregs.cr0(at.sregs, s.cr0);
    kvm_sregs.cr2(at.sregs, s.cr2);
    kvm_sregs.cr3(at.sregs, s.cr3);
    kvm_sregs.cr4(at.sregs, s.cr4);
    kvm_sregs.cr8(at.sregs, s.cr8);
    kvm_sregs.efer(at.sregs, s.efer);
    // What waits to be delivered goes by VCPU_EVENTS.
    at.interruptBitmap.fill((byte) 0);
  }

  private void getMsrs(CpuState s) {
    s.sysenterCs = kvm_msr_entry.data(at.msr(0));
    s.sysenterEsp = kvm_msr_entry.data(at.msr(1));
    s.sysenterEip = kvm_msr_entry.data(at.msr(2));
    s.pat = kvm_msr_entry.data(at.msr(3));
    s.star = kvm_msr_entry.data(at.msr(4));
    s.lstar = kvm_msr_entry.data(at.msr(5));
    s.cstar = kvm_msr_entry.data(at.msr(6));
    s.sfmask = kvm_msr_entry.data(at.msr(7));
    s.kernelGsBase = kvm_msr_entry.data(at.msr(8));
  }

  private void setMsrs(CpuState s) {
    kvm_msr_entry.data(at.msr(0), s.sysenterCs);
    kvm_msr_entry.data(at.msr(1), s.sysenterEsp);
    kvm_msr_entry.data(at.msr(2), s.sysenterEip);
    kvm_msr_entry.data(at.msr(3), s.pat);
    kvm_msr_entry.data(at.msr(4), s.star);
    kvm_msr_entry.data(at.msr(5), s.lstar);
    kvm_msr_entry.data(at.msr(6), s.cstar);
    kvm_msr_entry.data(at.msr(7), s.sfmask);
    kvm_msr_entry.data(at.msr(8), s.kernelGsBase);
  }

  private void getEvents(CpuState s) {
    boolean raised =
        kvm_vcpu_events.exception.injected(at.exception) != 0
            || kvm_vcpu_events.exception.pending(at.exception) != 0;
    s.pendingException = raised ? kvm_vcpu_events.exception.nr(at.exception) : -1;
    s.pendingErrorCode = raised ? kvm_vcpu_events.exception.error_code(at.exception) : 0;
    s.pendingInterrupt =
        kvm_vcpu_events.interrupt.injected(at.interrupt) != 0
            ? Byte.toUnsignedInt(kvm_vcpu_events.interrupt.nr(at.interrupt))
            : -1;
    int shadow = kvm_vcpu_events.interrupt.shadow(at.interrupt);
    s.interruptShadow =
        ((shadow & SHADOW_STI) != 0 ? 1 : 0) | ((shadow & SHADOW_MOV_SS) != 0 ? 2 : 0);
    s.nmiPending = nmiPending();
    s.nmiBlocked = nmiBlocked();
  }

  private void setEvents(CpuState s) {
    at.events.fill((byte) 0);
    if (s.pendingException >= 0) {
      kvm_vcpu_events.exception.injected(at.exception, (byte) 1);
      kvm_vcpu_events.exception.nr(at.exception, (byte) s.pendingException);
      kvm_vcpu_events.exception.has_error_code(
          at.exception, (byte) (hasErrorCode(s.pendingException) ? 1 : 0));
      kvm_vcpu_events.exception.error_code(at.exception, s.pendingErrorCode);
    }
    if (s.pendingInterrupt >= 0) {
      kvm_vcpu_events.interrupt.injected(at.interrupt, (byte) 1);
      kvm_vcpu_events.interrupt.nr(at.interrupt, (byte) s.pendingInterrupt);
    }
    int shadow =
        ((s.interruptShadow & 1) != 0 ? SHADOW_STI : 0)
            | ((s.interruptShadow & 2) != 0 ? SHADOW_MOV_SS : 0);
    kvm_vcpu_events.interrupt.shadow(at.interrupt, (byte) shadow);
    kvm_vcpu_events.nmi.pending(at.nmi, (byte) (s.nmiPending ? 1 : 0));
    kvm_vcpu_events.nmi.masked(at.nmi, (byte) (s.nmiBlocked ? 1 : 0));
    kvm_vcpu_events.flags(
        at.events,
        LinuxKvm.KVM_VCPUEVENT_VALID_NMI_PENDING() | LinuxKvm.KVM_VCPUEVENT_VALID_SHADOW());
  }

  /**
   * Replaces the kernel's state.
   *
   * @throws VmmException naming the field that KVM refuses
   */
  void set(CpuState s) {
    check(s);
    setRegs(s);
    setSregs(s);
    setMsrs(s);
    setEvents(s);
    MemorySegment.copy(s.fxsave, 0, at.xsave, ValueLayout.JAVA_BYTE, 0, CpuState.FXSAVE_BYTES);
    at.xsaveExtended.fill((byte) 0);
    at.xsave.set(ValueLayout.JAVA_LONG, XSTATE_BV, X87_AND_SSE);
    for (int i = 0; i < 4; i++) {
      kvm_debugregs.db(at.debug, i, s.debugAddress[i]);
    }
    kvm_debugregs.dr6(at.debug, s.dr6);
    kvm_debugregs.dr7(at.debug, s.dr7);
    kvm_debugregs.flags(at.debug, 0);
    refusing("cr0, cr4, efer or the segments", KvmVcpuHandle::setSregs, at.sregs);
    // Without an APIC in the kernel each KVM_RUN takes CR8 from here (api.rst, struct kvm_run).
    kvm_run.cr8(vcpu.runArea(), s.cr8);
    refusing("rflags", KvmVcpuHandle::setRegs, at.regs);
    refusing("fxsave", KvmVcpuHandle::setXsave, at.xsave);
    refusing("dr6 or dr7", KvmVcpuHandle::setDebugRegs, at.debug);
    int set = vcpu.setMsrs(at.msrs);
    if (set != MSRS.length) {
      throw refused(MSR_FIELDS[set], "which KVM refuses");
    }
    refusing("pendingException", KvmVcpuHandle::setEvents, at.events);
  }

  private static void check(CpuState s) {
    if ((getInt(s.fxsave, MXCSR_AT) & ~MXCSR_BITS) != 0) {
      throw refused("fxsave", "with reserved bits of MXCSR set");
    }
    if (s.tscOffset != 0) {
      throw refused("tscOffset", "and KVM has no virtual time-stamp counter");
    }
  }

  private void refusing(
      String field, BiConsumer<KvmVcpuHandle, MemorySegment> call, MemorySegment structure) {
    try {
      call.accept(vcpu, structure);
    } catch (KvmException e) {
      if (e.errno() != Errno.EINVAL) {
        throw e;
      }
      throw refused(field, "in a combination that KVM refuses (" + e.getMessage() + ")");
    }
  }

  private static VmmException refused(String field, String why) {
    return new VmmException(
        "the kvm engine cannot run from a state with " + field + " " + why,
        "Check that the snapshot is whole, or continue it with --engine soft.");
  }

  private static int getInt(byte[] bytes, int at) {
    return (int) INT.get(bytes, at);
  }

  private static void putInt(byte[] bytes, int at, int value) {
    INT.set(bytes, at, value);
  }

  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
}
