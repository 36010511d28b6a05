package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.LinearView;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_guest_debug;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Single steps by the processor itself, for the instructions and states in which one stop comes exactly after one instruction and leaves no trace; all else is the finisher's. So what the processor decides for itself
 * (undefined flags, say) is the same whether an instruction is stepped or run.
 */
final class NativeStep {
  private static final int CODE_64 = 1 << 13, CODE_32 = 1 << 14;
  private static final long LMA = 1 << 10;
  private static final long TF = 1 << 8, RF = 1 << 16;

  /** DR7: any breakpoint enabled. */
  private static final long ENABLED = 0xff;

  private static final int MAX_BYTES = 15;

  private final KvmVcpuHandle vcpu;
  private final HostTraits traits;
  private final GuestMemory memory;
  private final MemorySegment run;
  private final MemorySegment debug;
  private final byte[] code = new byte[MAX_BYTES];
  private boolean on;
  private long steps;

  NativeStep(KvmVcpuHandle vcpu, HostTraits traits, GuestMemory memory, Arena arena) {
    this.vcpu = vcpu;
    this.traits = traits;
    this.memory = memory;
    this.run = vcpu.runArea();
    this.debug = kvm_guest_debug.allocate(arena);
  }

  /** Whether the instruction at which a vCPU in that state stands is one for the processor. */
  boolean suits(CpuState s) {
    int ring = s.segments[CpuState.CS].selector & 3;
    boolean exact = ring == 0 ? traits.stepExactRing0() : ring == 3 && traits.stepExactRing3();
    if (!exact
        || s.halted
        || s.shutdown
        || s.pendingException >= 0
        || s.pendingInterrupt >= 0
        || s.pendingDebug != 0
        || s.nmiPending
        || s.interruptShadow != 0
        || (s.rflags & (TF | RF)) != 0
        || (s.dr7 & ENABLED) != 0) {
      return false;
    }
    int access = s.segments[CpuState.CS].access;
    boolean mode64 = (s.efer & LMA) != 0 && (access & CODE_64) != 0;
    if (!mode64 && (access & CODE_32) == 0) {
      return false;
    }
    int length = new LinearView(s, memory).read(s.segments[CpuState.CS].base + s.rip, code);
    return PlainInstruction.isAt(code, length, mode64);
  }

  /**
   * Steps once; the kernel's vCPU has that state.
   *
   * @return false if nothing was executed: a kick came before, or KVM's emulator refuses the instruction
   */
  boolean step() {
    if (vcpu.isKicked()) {
      return false;
    }
    if (!on) {
      control(LinuxKvm.KVM_GUESTDBG_ENABLE() | LinuxKvm.KVM_GUESTDBG_SINGLESTEP());
      on = true;
    }
    int result = vcpu.run();
    if (result < 0) {
      if (vcpu.takeKick()) {
        // It is for the next run.
        vcpu.kick();
      }
      return false;
    }
    int reason = kvm_run.exit_reason(run);
    if (reason == LinuxKvm.KVM_EXIT_DEBUG()) {
      steps++;
      return true;
    }
    if (reason == ExitReason.INTERNAL) {
      return false;
    }
    throw new IllegalStateException(
        "a step of an instruction without side effects ended with KVM exit " + reason);
  }

  /** Before a run. */
  void off() {
    if (on) {
      control(0);
      on = false;
    }
  }

  /** How many there were. */
  long steps() {
    return steps;
  }

  private void control(int bits) {
    debug.fill((byte) 0);
    kvm_guest_debug.control(debug, bits);
    vcpu.guestDebug(debug);
  }
}
