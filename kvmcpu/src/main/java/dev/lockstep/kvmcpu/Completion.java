package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.layout.kvm_run;
import java.lang.foreign.MemorySegment;

/**
 * The second half of an instruction that made an exit: KVM does it with the next KVM_RUN, which immediate_exit ends there. That half may make an exit of its own, which then waits to be told.
 */
final class Completion {
  /** Exits of one instruction that is not repeated, more than any has: FXSAVE's 512 bytes, by single bytes. */
  private static final int MAX_PARTS = 600;

  private final KvmVcpuHandle vcpu;
  private final KvmExits exits;
  private final KvmState state;
  private final GuestMemory memory;
  private final MemorySegment run;
  private boolean exitWaits;

  Completion(KvmVcpuHandle vcpu, KvmExits exits, KvmState state, GuestMemory memory) {
    this.vcpu = vcpu;
    this.exits = exits;
    this.state = state;
    this.memory = memory;
    this.run = vcpu.runArea();
  }

  /** Whether {@link #takeExit} would find one. */
  boolean hasExit() {
    return exitWaits;
  }

  /** A completed instruction has made an exit that nobody was told of; it is told now. */
  boolean takeExit() {
    boolean waits = exitWaits;
    exitWaits = false;
    return waits;
  }

  /** Completes what is open, if anything is. True if that made an exit, which {@code kvm_run} tells of. */
  boolean complete() {
    if (exits.open() == KvmExits.Open.NONE) {
      return false;
    }
    return runOut();
  }

  /** Before the state is looked at: a write that KVM has still to complete. True if it did, and the state is whole. */
  boolean completeWrite() {
    if (exits.open() != KvmExits.Open.WRITE || exitWaits || exits.hasMoreItems()) {
      return false;
    }
    exitWaits = complete();
    return !exitWaits;
  }

  /**
   * Whether a completed write was the last of a repeated instruction. KVM leaves RIP on the instruction with RCX = 0 then; the contract has it past.
   *
   * @param scratch overwritten
   */
  boolean isAtEndOfRepeat(CpuState scratch) {
    state.readRegs();
    if ((int) state.rcx() != 0) {
      return false;
    }
    state.get(scratch);
    return RepeatedString.isAt(memory, vcpu, scratch);
  }

  /**
   * Gets an instruction that waits for its answer out of KVM, without a trace in memory: the registers are about to be replaced.
   *
   * @param scratch overwritten
   */
  void drop(CpuState scratch) {
    if (takeExit()) {
      // First, so that it is known what is asked for.
      exits.access(kvm_run.exit_reason(run));
    }
    if (exits.open() == KvmExits.Open.NONE) {
      return;
    }
    state.get(scratch);
    int items = exits.itemsRead();
    SparedMemory spared = new SparedMemory(memory, vcpu, scratch, items * exits.itemBytes());
    if (RepeatedString.isAt(memory, vcpu, scratch)) {
      // It ends with what it has asked for instead of asking on.
      state.writeRcx(items);
    }
    exits.abandon();
    for (int parts = 0; runOut(); parts++) {
      if (parts == MAX_PARTS) {
        throw new IllegalStateException(
            "KVM asks for ever for an instruction at %#x".formatted(scratch.rip));
      }
      exits.access(kvm_run.exit_reason(run));
      exits.abandon();
    }
    spared.restore();
  }

  private boolean runOut() {
    vcpu.setImmediateExit(true);
    int result = vcpu.run();
    vcpu.setImmediateExit(false);
    if (vcpu.isKicked()) {
      vcpu.setImmediateExit(true);
    }
    exits.completed();
    return result == 0;
  }
}
