package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_guest_debug;
import dev.lockstep.kvm.layout.kvm_guest_debug_arch;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** What the kernel is told of debugging by KVM_SET_GUEST_DEBUG: single steps, one breakpoint on execution, or neither; told only when that changes. */
final class GuestDebug {
  /** DR7: breakpoint 0 enabled, on execution; bit 10 is always set (Intel SDM vol. 3B 18.2.4). */
  private static final long EXECUTION = 0x402;

  /** DR7: any breakpoint enabled. */
  private static final long ENABLED = 0xff;

  private static final long EFER_LMA = 1 << 10, LOW32 = 0xffff_ffffL;

  /** CS.L in {@link dev.lockstep.engine.SegmentRegister#access}. */
  private static final int LONG = 1 << 13;

  private enum Told {
    NOTHING,
    STEPS,
    BREAKPOINT
  }

  private final KvmVcpuHandle vcpu;
  private final HostTraits traits;
  private final MemorySegment run;
  private final MemorySegment debug;
  private Told told = Told.NOTHING;
  private boolean breaks;
  private long linear;

  GuestDebug(KvmVcpuHandle vcpu, HostTraits traits, Arena arena) {
    this.vcpu = vcpu;
    this.traits = traits;
    this.run = vcpu.runArea();
    this.debug = kvm_guest_debug.allocate(arena);
  }

  /** The next KVM_RUN executes one instruction, and leaves the general registers in {@code kvm_run}. */
  void stepping() {
    if (told != Told.STEPS) {
      tell(Told.STEPS, LinuxKvm.KVM_GUESTDBG_SINGLESTEP());
      kvm_run.kvm_valid_regs(run, LinuxKvm.KVM_SYNC_X86_REGS());
    }
  }

  /** The next KVM_RUN goes on until an exit, or the breakpoint. */
  void running() {
    Told wanted = breaks ? Told.BREAKPOINT : Told.NOTHING;
    if (told != wanted) {
      tell(wanted, breaks ? LinuxKvm.KVM_GUESTDBG_USE_HW_BP() : 0);
      kvm_run.kvm_valid_regs(run, 0);
    }
  }

  /**
   * Makes {@link #running} stop before an instruction.
   *
   * @param state the guest's
   * @param rip offset within its CS
   * @return false if this host does not do that in both rings, or the guest has breakpoints of its own, which it would lose
   */
  boolean breakAt(CpuState state, long rip) {
    if (!traits.breakpointsRing0() || !traits.breakpointsRing3() || (state.dr7 & ENABLED) != 0) {
      breaks = false;
      return false;
    }
    breaks = true;
    boolean mode64 =
        (state.efer & EFER_LMA) != 0 && (state.segments[CpuState.CS].access & LONG) != 0;
    linear = mode64 ? rip : state.segments[CpuState.CS].base + rip & LOW32;
    if (told == Told.BREAKPOINT) {
      tell(Told.BREAKPOINT, LinuxKvm.KVM_GUESTDBG_USE_HW_BP());
    }
    return true;
  }

  /** There is no breakpoint. */
  void clear() {
    breaks = false;
  }

  private void tell(Told what, int bits) {
    debug.fill((byte) 0);
    kvm_guest_debug.control(debug, bits == 0 ? 0 : LinuxKvm.KVM_GUESTDBG_ENABLE() | bits);
    if (what == Told.BREAKPOINT) {
      MemorySegment registers = kvm_guest_debug.arch(debug);
      kvm_guest_debug_arch.debugreg(registers, 0, linear);
      kvm_guest_debug_arch.debugreg(registers, 7, EXECUTION);
    }
    vcpu.guestDebug(debug);
    told = what;
  }
}
