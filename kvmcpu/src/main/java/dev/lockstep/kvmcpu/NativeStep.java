package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.LinearView;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.layout.kvm_regs;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.lang.foreign.MemorySegment;

/**
 * Single steps by the processor itself, for the instructions and states in which one stop comes exactly after one instruction and leaves no trace; all else is the finisher's. So what the processor decides for itself
 * (undefined flags, say) is the same whether an instruction is stepped or run.
 */
final class NativeStep {
  private static final int CODE_64 = 1 << 13, CODE_32 = 1 << 14;
  private static final int DPL_SHIFT = 5;
  private static final long PE = 1;
  private static final long LMA = 1 << 10, LA57 = 1 << 12;
  private static final long TF = 1 << 8, RF = 1 << 16, VM = 1 << 17;
  private static final long LOW32 = 0xffff_ffffL;

  /** Bits of a linear address with four and five levels of tables (Intel SDM vol. 1 3.3.7.1). */
  private static final int ADDRESS_BITS = 48, ADDRESS_BITS_LA57 = 57;

  /** DR7: any breakpoint enabled. */
  private static final long ENABLED = 0xff;

  private static final int MAX_BYTES = 15;

  /** What a step came to. */
  enum Outcome {
    /** One instruction was executed. */
    STEPPED,
    /** Nothing was executed: a kick came before, or KVM's emulator refuses the instruction. */
    NOT_BEGUN,
    /** Something else was executed; {@link #standing} is what was before. */
    ASTRAY
  }

  private final KvmVcpuHandle vcpu;
  private final HostTraits traits;
  private final MemorySegment run;
  private final MemorySegment synced;
  private final GuestDebug debug;
  private final byte[] code = new byte[MAX_BYTES];
  private final CpuState standing = new CpuState();
  private final LinearView view;

  /** The last that happened was a step, so but for the general registers {@link #standing} is what the kernel has. */
  private boolean follows;

  private long steps;

  NativeStep(KvmVcpuHandle vcpu, HostTraits traits, GuestDebug debug, GuestMemory memory) {
    this.vcpu = vcpu;
    this.traits = traits;
    this.view = new LinearView(standing, memory);
    this.run = vcpu.runArea();
    this.synced = run.asSlice(kvm_run.s$offset(), kvm_regs.sizeof());
    this.debug = debug;
  }

  /** The state before the next step: the caller fills it in, unless {@link #follow} did. */
  CpuState standing() {
    return standing;
  }

  /**
   * Makes {@link #standing} the state as it is, if that is known without asking the kernel: between two steps of plain instructions nothing but general registers changes, and those the kernel leaves in {@code kvm_run} (api.rst,
   * KVM_CAP_SYNC_REGS).
   */
  boolean follow() {
    if (follows) {
      KvmState.getRegs(synced, standing);
    }
    return follows;
  }

  /** Whether {@link #follow} would. */
  boolean follows() {
    return follows;
  }

  /** The state is about to change by other means than a step. */
  void forget() {
    follows = false;
  }

  /** Whether the instruction at which a vCPU in the state {@link #standing} stands is one for the processor. */
  boolean suits() {
    CpuState s = standing;
    int access = s.segments[CpuState.CS].access;
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
        || (s.rflags & (TF | RF | VM)) != 0
        || (s.cr0 & PE) == 0
        // The processor's ring is that of SS (SDM vol. 3C 24.4.1).
        || (s.segments[CpuState.SS].access >> DPL_SHIFT & 3) != ring
        || (s.dr7 & ENABLED) != 0) {
      return false;
    }
    boolean mode64 = (s.efer & LMA) != 0 && (access & CODE_64) != 0;
    if (!mode64 && (access & CODE_32) == 0) {
      return false;
    }
    long linear = mode64 ? s.rip : s.segments[CpuState.CS].base + s.rip & LOW32;
    return isWithin(s.rip, mode64)
        && isWithin(s.rip + MAX_BYTES, mode64)
        && view.fetch(linear, code, ring == 3) == MAX_BYTES
        && PlainInstruction.isAt(code, MAX_BYTES, mode64)
        && isWithin(s.rip + PlainInstruction.reach(code, mode64), mode64);
  }

  /** Whether an instruction pointer is canonical, or within the code segment. */
  private boolean isWithin(long rip, boolean mode64) {
    if (!mode64) {
      return (rip & LOW32) <= standing.segments[CpuState.CS].limit;
    }
    int unused = Long.SIZE - ((standing.cr4 & LA57) != 0 ? ADDRESS_BITS_LA57 : ADDRESS_BITS);
    return rip << unused >> unused == rip;
  }

  /** Steps once; the kernel's vCPU has the state {@link #standing}. */
  Outcome step() {
    follows = false;
    if (vcpu.isKicked()) {
      return Outcome.NOT_BEGUN;
    }
    debug.stepping();
    int result = vcpu.run();
    if (result < 0) {
      if (vcpu.takeKick()) {
        // It is for the next run.
        vcpu.kick();
      }
      return Outcome.NOT_BEGUN;
    }
    int reason = kvm_run.exit_reason(run);
    if (reason == ExitReason.DEBUG) {
      steps++;
      follows = true;
      return Outcome.STEPPED;
    }
    return reason == ExitReason.INTERNAL ? Outcome.NOT_BEGUN : Outcome.ASTRAY;
  }

  /** How many there were. */
  long steps() {
    return steps;
  }
}
