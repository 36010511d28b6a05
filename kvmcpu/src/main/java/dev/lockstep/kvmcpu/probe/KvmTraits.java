package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.Capability;
import dev.lockstep.kvm.CpuidEntry;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_debugregs;
import dev.lockstep.kvm.layout.kvm_regs;
import dev.lockstep.kvm.layout.kvm_run;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Where hosts' KVMs differ, each found by a guest of a few bytes in about a millisecond.
 *
 * @param windowIsPrompt a requested interrupt window opens at the first boundary where an interrupt could be delivered, and a latched NMI is delivered as soon as IRET unblocks it
 * @param watchpointsFire the guest's own data breakpoints (DR7, R/W = 01) raise #DB
 * @param cpuidIsFrozen CPUID answers what KVM_SET_CPUID2 said, no more and no less
 * @param ring0PerSecond how many instructions of a small loop ring 0 executes in a second
 */
public record KvmTraits(
    boolean windowIsPrompt, boolean watchpointsFire, boolean cpuidIsFrozen, long ring0PerSecond) {
  /** What a kernel must have. */
  public static final List<Capability> REQUIRED =
      List.of(
          Capability.USER_MEMORY,
          Capability.EXT_CPUID,
          Capability.VCPU_EVENTS,
          Capability.DEBUGREGS,
          Capability.SET_GUEST_DEBUG,
          Capability.XSAVE,
          Capability.USER_NMI,
          Capability.IMMEDIATE_EXIT,
          Capability.X86_USER_SPACE_MSR,
          Capability.X86_MSR_FILTER);

  /** What a host whose hardware runs ring 0 exceeds by far, and one that emulates it never comes near (measured there: about a million). */
  private static final long NATIVE_PER_SECOND = 50_000_000;

  /** Iterations of the loop that is timed: milliseconds where ring 0 is emulated. */
  private static final int LOOP = 2000;

  private static final int INSTRUCTIONS_PER_ITERATION = 2;

  /** DR7: breakpoint 0 enabled, on writes of four bytes (Intel SDM vol. 3B 18.2.4). */
  private static final long WATCH_WRITES_OF_4 = 0xd0002;

  /** Leaf 1's features in the probe of CPUID: FPU and PSE alone. */
  private static final int FEW_FEATURES = 1 | 1 << 3;

  /** Asks this host; takes some milliseconds. The calling thread's kick signal is blocked from then on. */
  public static KvmTraits probe(Kvm kvm) {
    return new KvmTraits(
        windowIsPrompt(kvm), watchpointsFire(kvm), cpuidIsFrozen(kvm), ring0PerSecond(kvm));
  }

  /** Whether hardware executes ring 0. */
  public boolean ring0IsNative() {
    return ring0PerSecond >= NATIVE_PER_SECOND;
  }

  private static long ring0PerSecond(Kvm kvm) {
    // mov ecx, LOOP; a: dec ecx; jnz a; hlt
    try (TinyGuest guest =
        new TinyGuest(kvm, 0xb9, LOOP & 0xff, LOOP >> 8, 0, 0, 0x49, 0x75, 0xfd, 0xf4)) {
      long before = System.nanoTime();
      int exit = guest.run();
      long nanos = Math.max(System.nanoTime() - before, 1);
      return exit == LinuxKvm.KVM_EXIT_HLT()
          ? LOOP * INSTRUCTIONS_PER_ITERATION * 1_000_000_000L / nanos
          : 0;
    }
  }

  private static boolean windowIsPrompt(Kvm kvm) {
    // sti; nop; nop; nop; hlt
    try (TinyGuest guest = new TinyGuest(kvm, 0xfb, 0x90, 0x90, 0x90, 0xf4)) {
      kvm_run.request_interrupt_window(guest.vcpu.runArea(), (byte) 1);
      return guest.run() == LinuxKvm.KVM_EXIT_IRQ_WINDOW_OPEN()
          && kvm_regs.rip(guest.regs()) == TinyGuest.CODE + 2;
    }
  }

  private static boolean watchpointsFire(Kvm kvm) {
    // mov [DATA], eax; nop; hlt
    try (TinyGuest guest = new TinyGuest(kvm, 0xa3, 0x00, 0x50, 0x00, 0x00, 0x90, 0xf4)) {
      MemorySegment debug = kvm_debugregs.allocate(guest.arena);
      guest.vcpu.getDebugRegs(debug);
      kvm_debugregs.db(debug, 0, TinyGuest.DATA);
      kvm_debugregs.dr7(debug, WATCH_WRITES_OF_4);
      guest.vcpu.setDebugRegs(debug);
      return guest.run() == LinuxKvm.KVM_EXIT_SHUTDOWN();
    }
  }

  private static boolean cpuidIsFrozen(Kvm kvm) {
    // mov eax, 1; cpuid; hlt
    try (TinyGuest guest = new TinyGuest(kvm, 0xb8, 1, 0, 0, 0, 0x0f, 0xa2, 0xf4)) {
      guest.vcpu.setCpuid(
          List.of(
              new CpuidEntry(0, 0, 0, 1, 0, 0, 0),
              new CpuidEntry(1, 0, 0, 0x6f1, 0, 0, FEW_FEATURES)));
      return guest.run() == LinuxKvm.KVM_EXIT_HLT()
          && kvm_regs.rax(guest.regs()) == 0x6f1
          && kvm_regs.rdx(guest.regs()) == FEW_FEATURES;
    }
  }
}
