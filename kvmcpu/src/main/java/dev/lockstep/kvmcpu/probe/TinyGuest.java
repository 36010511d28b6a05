package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KickTimer;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.Libc;
import dev.lockstep.kvm.Vm;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_dtable;
import dev.lockstep.kvm.layout.kvm_regs;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvm.layout.kvm_segment;
import dev.lockstep.kvm.layout.kvm_sregs;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A VM of one megabyte with some bytes of code in flat 32-bit protected mode at ring 0, interrupts off, without an interrupt table: an exception is a shutdown. Used by one thread; every run is cut off by a
 * timer, so that a host that never returns from KVM_RUN cannot hang a probe.
 */
final class TinyGuest implements AutoCloseable {
  /** Where the code begins. */
  static final long CODE = 0x1000;

  /** A free page. */
  static final long DATA = 0x5000;

  private static final int MEMORY = 1 << 20;
  private static final long LIMIT_NANOS = 200_000_000;
  private static final int CODE_SEGMENT = 11, DATA_SEGMENT = 3;

  final Arena arena = Arena.ofShared();
  final Vm vm;
  final KvmVcpuHandle vcpu;
  private final MemorySegment memory;
  private final MemorySegment regs = kvm_regs.allocate(arena);
  private final KickTimer timer;

  TinyGuest(Kvm kvm, int... code) {
    memory =
        Libc.mmap(
            arena,
            MEMORY,
            LinuxKvm.PROT_READ() | LinuxKvm.PROT_WRITE(),
            LinuxKvm.MAP_PRIVATE() | LinuxKvm.MAP_ANONYMOUS(),
            -1,
            0);
    for (int i = 0; i < code.length; i++) {
      memory.set(ValueLayout.JAVA_BYTE, CODE + i, (byte) code[i]);
    }
    vm = kvm.createVm();
    vm.addMemory(0, 0, memory, false);
    vcpu = vm.createVcpu(0);
    MemorySegment sregs = kvm_sregs.allocate(arena);
    vcpu.getSregs(sregs);
    flat(kvm_sregs.cs(sregs), 8, CODE_SEGMENT);
    flat(kvm_sregs.ds(sregs), 16, DATA_SEGMENT);
    flat(kvm_sregs.es(sregs), 16, DATA_SEGMENT);
    flat(kvm_sregs.ss(sregs), 16, DATA_SEGMENT);
    kvm_sregs.cr0(sregs, kvm_sregs.cr0(sregs) | 1);
    kvm_dtable.limit(kvm_sregs.idt(sregs), (short) 0);
    vcpu.setSregs(sregs);
    kvm_regs.rip(regs, CODE);
    kvm_regs.rsp(regs, DATA + 0x800);
    kvm_regs.rflags(regs, 2);
    vcpu.setRegs(regs);
    vcpu.bindToThread();
    timer = new KickTimer();
  }

  private static void flat(MemorySegment segment, int selector, int type) {
    kvm_segment.base(segment, 0);
    kvm_segment.limit(segment, -1);
    kvm_segment.selector(segment, (short) selector);
    kvm_segment.type(segment, (byte) type);
    kvm_segment.present(segment, (byte) 1);
    kvm_segment.dpl(segment, (byte) 0);
    kvm_segment.db(segment, (byte) 1);
    kvm_segment.s(segment, (byte) 1);
    kvm_segment.l(segment, (byte) 0);
    kvm_segment.g(segment, (byte) 1);
    kvm_segment.unusable(segment, (byte) 0);
  }

  /** Runs to an exit: its KVM_EXIT_* number, or -1 if none came in time. */
  int run() {
    timer.set(LIMIT_NANOS);
    try {
      int result = vcpu.run();
      if (result == -Errno.EINTR) {
        vcpu.takeKick();
        return -1;
      }
      return kvm_run.exit_reason(vcpu.runArea());
    } finally {
      timer.set(0);
    }
  }

  /** The general registers as they are now, overwritten by the next call. */
  MemorySegment regs() {
    vcpu.getRegs(regs);
    return regs;
  }

  @Override
  public void close() {
    timer.close();
    vcpu.close();
    vm.close();
    arena.close();
  }
}
