package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.kvm.layout.kvm_debugregs;
import dev.lockstep.kvm.layout.kvm_msr_entry;
import dev.lockstep.kvm.layout.kvm_msrs;
import dev.lockstep.kvm.layout.kvm_regs;
import dev.lockstep.kvm.layout.kvm_sregs;
import dev.lockstep.kvm.layout.kvm_vcpu_events;
import dev.lockstep.kvm.layout.kvm_xsave;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The kernel's structures that hold a vCPU's state, and their parts. A part is a segment of its own, made once: an interrupt's delivery looks at some of them, and each would be a Java object there wherever HotSpot does not see through
 * it.
 */
final class KvmStructures {
  private static final int IA32_TSC = 0x10;
  private static final long MSR_ENTRIES = kvm_msrs.layout().byteSize();

  final MemorySegment regs;
  final MemorySegment sregs;
  final MemorySegment interruptBitmap;
  final MemorySegment gdt;
  final MemorySegment idt;
  final MemorySegment xsave;

  /** What is behind the image of FXSAVE. */
  final MemorySegment xsaveExtended;

  final MemorySegment debug;
  final MemorySegment events;
  final MemorySegment exception;
  final MemorySegment interrupt;
  final MemorySegment nmi;

  /** KVM_GET_MSRS's and KVM_SET_MSRS's argument for those that were asked for, and for the time-stamp counter alone. */
  final MemorySegment msrs;

  final MemorySegment tsc;

  /** The only entry of {@link #tsc}. */
  final MemorySegment tscEntry;

  private final MemorySegment[] segments;
  private final MemorySegment[] msrEntries;

  /**
   * @param msrIndexes the model-specific registers that {@link #msrs} is about
   */
  KvmStructures(Arena arena, int[] msrIndexes) {
    regs = kvm_regs.allocate(arena);
    sregs = kvm_sregs.allocate(arena);
    segments = segments(sregs);
    interruptBitmap = kvm_sregs.interrupt_bitmap(sregs);
    gdt = kvm_sregs.gdt(sregs);
    idt = kvm_sregs.idt(sregs);
    xsave = arena.allocate(kvm_xsave.layout().byteSize(), 64);
    xsaveExtended = xsave.asSlice(CpuState.FXSAVE_BYTES);
    debug = kvm_debugregs.allocate(arena);
    events = kvm_vcpu_events.allocate(arena);
    exception = kvm_vcpu_events.exception(events);
    interrupt = kvm_vcpu_events.interrupt(events);
    nmi = kvm_vcpu_events.nmi(events);
    msrEntries = new MemorySegment[msrIndexes.length];
    msrs = msrs(arena, msrIndexes, msrEntries);
    MemorySegment[] only = new MemorySegment[1];
    tsc = msrs(arena, new int[] {IA32_TSC}, only);
    tscEntry = only[0];
  }

  private static MemorySegment[] segments(MemorySegment sregs) {
    MemorySegment[] made = new MemorySegment[CpuState.TR + 1];
    made[CpuState.ES] = kvm_sregs.es(sregs);
    made[CpuState.CS] = kvm_sregs.cs(sregs);
    made[CpuState.SS] = kvm_sregs.ss(sregs);
    made[CpuState.DS] = kvm_sregs.ds(sregs);
    made[CpuState.FS] = kvm_sregs.fs(sregs);
    made[CpuState.GS] = kvm_sregs.gs(sregs);
    made[CpuState.LDTR] = kvm_sregs.ldt(sregs);
    made[CpuState.TR] = kvm_sregs.tr(sregs);
    return made;
  }

  private static MemorySegment msrs(Arena arena, int[] indexes, MemorySegment[] entries) {
    MemorySegment made = arena.allocate(MSR_ENTRIES + indexes.length * kvm_msr_entry.sizeof(), 8);
    kvm_msrs.nmsrs(made, indexes.length);
    for (int i = 0; i < indexes.length; i++) {
      entries[i] = made.asSlice(MSR_ENTRIES + i * kvm_msr_entry.sizeof(), kvm_msr_entry.sizeof());
      kvm_msr_entry.index(entries[i], indexes[i]);
    }
    return made;
  }

  /** One of the segments, by {@link CpuState}'s number. */
  MemorySegment segment(int number) {
    return segments[number];
  }

  /** An entry of {@link #msrs}, in the order in which they were asked for. */
  MemorySegment msr(int number) {
    return msrEntries[number];
  }
}
