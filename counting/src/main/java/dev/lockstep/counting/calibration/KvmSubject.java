package dev.lockstep.counting.calibration;

import dev.lockstep.counting.CounterDevice;
import dev.lockstep.counting.Stop;
import dev.lockstep.counting.perf.CounterEvent;
import dev.lockstep.counting.perf.PerfDevice;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.SegmentRegister;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KickTimer;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.Vm;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_dtable;
import dev.lockstep.kvm.layout.kvm_msr_entry;
import dev.lockstep.kvm.layout.kvm_msrs;
import dev.lockstep.kvm.layout.kvm_regs;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvm.layout.kvm_segment;
import dev.lockstep.kvm.layout.kvm_sregs;
import dev.lockstep.kvm.memory.Mappings;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A vCPU of the kernel with a counter of the kernel: KVM_RUN, nothing more. Smaller than an engine on purpose, so that what is measured is the host. Owned by the thread that made it, whose kick signal stays blocked.
 */
public final class KvmSubject implements CalibrationSubject {
  /** How long a run lasts at most. */
  private static final long PATIENCE_NANOS = 1_000_000_000;

  private static final int MSR_STAR = 0xc000_0081, MSR_LSTAR = 0xc000_0082;
  private static final int[] SEGMENT_OF = {
    CpuState.ES, CpuState.CS, CpuState.SS, CpuState.DS, CpuState.FS, CpuState.GS, CpuState.TR
  };

  private final Arena arena = Arena.ofShared();
  private final VcpuExit.PortWrite portWrite = new VcpuExit.PortWrite();
  private final VcpuExit.Unsupported unsupported = new VcpuExit.Unsupported();
  private final BranchSemantics semantics;
  private final GuestMemory memory;
  private final Vm vm;
  private final KvmVcpuHandle vcpu;
  private final MemorySegment run;
  private final MemorySegment regs = kvm_regs.allocate(arena);
  private final MemorySegment sregs = kvm_sregs.allocate(arena);
  private final MemorySegment msrs =
      arena.allocate(kvm_msrs.layout().byteSize() + 2 * kvm_msr_entry.layout().byteSize(), 8);
  private final KickTimer patience;
  private final CounterDevice device;
  private boolean reopens;

  private KvmSubject(Kvm kvm, CounterEvent event) {
    semantics = event.semantics();
    MemorySegment mapping = Mappings.anonymous(arena, CalibrationGuest.MEMORY_BYTES);
    memory =
        new GuestMemory(
            mapping, List.of(new GuestMemory.Region(0, CalibrationGuest.MEMORY_BYTES, 0)));
    vm = kvm.createVm();
    try {
      vm.addMemory(0, 0, mapping, false);
      vcpu = vm.createVcpu(0);
    } catch (KvmException e) {
      vm.close();
      arena.close();
      throw e;
    }
    run = vcpu.runArea();
    try {
      vcpu.setCpuid(kvm.supportedCpuid());
      vcpu.bindToThread();
      patience = new KickTimer();
      device = PerfDevice.open(event);
    } catch (KvmException e) {
      vcpu.close();
      vm.close();
      arena.close();
      throw e;
    }
  }

  /**
   * Makes a VM for the calling thread.
   *
   * @throws VmmException if KVM or the counter is not to be had, with advice
   */
  public static KvmSubject open(Kvm kvm, CounterEvent event) {
    try {
      return new KvmSubject(kvm, event);
    } catch (KvmException e) {
      throw new VmmException(event.name() + ": " + e.getMessage(), e.advice(), e);
    }
  }

  @Override
  public BranchSemantics semantics() {
    return semantics;
  }

  @Override
  public GuestMemory memory() {
    return memory;
  }

  @Override
  public void load(CpuState s) {
    // An exit that waits to be completed would change RIP after it was set.
    vcpu.setImmediateExit(true);
    vcpu.run();
    vcpu.setImmediateExit(false);
    vcpu.getSregs(sregs);
    MemorySegment[] segments = {
      kvm_sregs.es(sregs),
      kvm_sregs.cs(sregs),
      kvm_sregs.ss(sregs),
      kvm_sregs.ds(sregs),
      kvm_sregs.fs(sregs),
      kvm_sregs.gs(sregs),
      kvm_sregs.tr(sregs)
    };
    for (int i = 0; i < segments.length; i++) {
      set(segments[i], s.segments[SEGMENT_OF[i]]);
    }
    kvm_dtable.base(kvm_sregs.gdt(sregs), s.gdtBase);
    kvm_dtable.limit(kvm_sregs.gdt(sregs), (short) s.gdtLimit);
    kvm_dtable.base(kvm_sregs.idt(sregs), s.idtBase);
    kvm_dtable.limit(kvm_sregs.idt(sregs), (short) s.idtLimit);
    kvm_sregs.cr0(sregs, s.cr0);
    kvm_sregs.cr3(sregs, s.cr3);
    kvm_sregs.cr4(sregs, s.cr4);
    kvm_sregs.efer(sregs, s.efer);
    vcpu.setSregs(sregs);
    setMsrs(s);
    regs.fill((byte) 0);
    kvm_regs.rsp(regs, s.gpr[4]);
    kvm_regs.rsi(regs, s.gpr[6]);
    kvm_regs.rip(regs, s.rip);
    kvm_regs.rflags(regs, s.rflags);
    vcpu.setRegs(regs);
  }

  private static void set(MemorySegment into, SegmentRegister from) {
    int access = from.access;
    kvm_segment.selector(into, (short) from.selector);
    kvm_segment.base(into, from.base);
    kvm_segment.limit(into, (int) from.limit);
    kvm_segment.type(into, (byte) (access & 0xf));
    kvm_segment.s(into, (byte) (access >> 4 & 1));
    kvm_segment.dpl(into, (byte) (access >> 5 & 3));
    kvm_segment.present(into, (byte) (access >> 7 & 1));
    kvm_segment.l(into, (byte) (access >> 13 & 1));
    kvm_segment.db(into, (byte) (access >> 14 & 1));
    kvm_segment.g(into, (byte) (access >> 15 & 1));
    kvm_segment.unusable(into, (byte) 0);
  }

  private void setMsrs(CpuState s) {
    kvm_msrs.nmsrs(msrs, 2);
    msr(0, MSR_STAR, s.star);
    msr(1, MSR_LSTAR, s.lstar);
    vcpu.setMsrs(msrs);
  }

  private void msr(int i, int index, long value) {
    long size = kvm_msr_entry.layout().byteSize();
    MemorySegment entry = msrs.asSlice(kvm_msrs.layout().byteSize() + i * size, size);
    kvm_msr_entry.index(entry, index);
    kvm_msr_entry.data(entry, value);
  }

  @Override
  public long count() {
    return device.read();
  }

  @Override
  public void reopenToArm() {
    reopens = true;
  }

  @Override
  public Stop runFree(long overflowAt) {
    if (overflowAt != Long.MAX_VALUE) {
      long events = Math.max(1, overflowAt - device.read());
      if (reopens) {
        device.reopen(events);
      } else {
        device.arm(events);
      }
    }
    patience.set(PATIENCE_NANOS);
    try {
      return once();
    } finally {
      patience.set(0);
      device.disarm();
    }
  }

  private Stop once() {
    int result = vcpu.run();
    if (result == -Errno.EINTR) {
      vcpu.takeKick();
      return Stop.Paused.INTERRUPTED;
    }
    int reason = kvm_run.exit_reason(run);
    if (reason == LinuxKvm.KVM_EXIT_IO()) {
      MemorySegment io = kvm_run.io(run);
      return new Stop.Exit(
          portWrite.set(kvm_run.io.port(io) & 0xffff, kvm_run.io.size(io) & 0xff, 0));
    }
    vcpu.getRegs(regs);
    return new Stop.Exit(
        unsupported.set(kvm_regs.rip(regs), new byte[0], "KVM exit %d".formatted(reason)));
  }

  @Override
  public void inject(int vector) {
    vcpu.interrupt(vector);
  }

  @Override
  public void close() {
    device.close();
    patience.close();
    vcpu.close();
    vm.close();
    arena.close();
  }
}
