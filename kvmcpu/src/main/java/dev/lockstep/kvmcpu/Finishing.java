package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExactVcpu;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The time during which the exact engine has the guest instead of the kernel: when it begins, how long it must last, and whether the exact engine's vCPU stands on an instruction that waits for an answer.
 */
final class Finishing implements AutoCloseable {
  private static final long FLAG_IF = 1 << 9;

  private final ExactVcpu finisher;
  private final GuestMemory memory;

  /** The same memory with dirty bits of its own, which tell what the exact engine wrote. */
  private final GuestMemory own;

  private final HostTraits traits;
  private boolean active;
  private boolean waits;

  private long forgottenBefore;
  private boolean wrote;

  Finishing(GuestMemory memory, HostTraits traits, Function<GuestMemory, ExactVcpu> finisher) {
    this.memory = memory;
    this.traits = traits;
    this.own = new GuestMemory(memory.segment(), memory.regions());
    this.finisher = finisher.apply(own);
    memory.setObserver(
        new GuestMemory.Observer() {
          @Override
          public void written(long guestPhysical, long size) {
            own.changedUnseen(guestPhysical, size);
          }

          @Override
          public void dirtyCleared() {
            // Its own bits are another matter.
          }
        });
  }

  /** The finisher holds the state, not the kernel. */
  boolean active() {
    return active;
  }

  /** The exact engine's vCPU stands on an instruction that waits for an answer. */
  boolean waits() {
    return waits;
  }

  /** The exact engine's vCPU. */
  Vcpu vcpu() {
    return finisher;
  }

  /** From here on the finisher holds that state. */
  void begin(CpuState from) {
    // The guest wrote memory without telling whoever keeps decoded code.
    own.changedUnseen();
    finisher.setState(from);
    active = true;
    waits = false;
    forgottenBefore = finisher.translationsForgotten();
    wrote = false;
  }

  /**
   * The kernel holds the state again.
   *
   * @return whether the kernel must forget what it knows of page tables: the guest had translations forgotten or, where the kernel keeps shadows of page tables, something was stored, which may have been one
   */
  boolean end() {
    boolean stored = collectDirty();
    boolean changed =
        active
            && (finisher.translationsForgotten() != forgottenBefore
                || stored && !traits.translationsFollowPaging());
    active = false;
    waits = false;
    return changed;
  }

  /** Marks in the guest's memory what the exact engine has written since {@link #begin}; whether that is anything. */
  boolean collectDirty() {
    if (active) {
      // Else all was collected when it ended, and looking through a bitmap takes as long as getting
      // the kernel's.
      own.harvestDirty(page -> {
        memory.markDirty(page);
        wrote = true;
      });
    }
    return wrote;
  }

  /** Executes one instruction, or completes the one that waits. */
  VcpuExit step(boolean windowWanted) {
    finisher.requestInterruptWindow(windowWanted);
    return exit(finisher.step());
  }

  private VcpuExit exit(VcpuExit exit) {
    waits =
        exit instanceof VcpuExit.PortRead
            || exit instanceof VcpuExit.MmioRead
            || exit instanceof VcpuExit.MsrRead
            || exit instanceof VcpuExit.MsrWrite;
    return exit;
  }

  /**
   * Goes on as long as the kernel cannot take over, but not for ever.
   *
   * @param slice branches after which a long wait for an interrupt window looks at kicks and deadlines; 0 to come back after each instruction
   * @param state what it has come to, if nothing made it exit
   * @return an exit; null to go on, by the kernel if {@link #awaits} no longer says otherwise
   */
  @Nullable VcpuExit advance(
      boolean windowWanted, long slice, KvmVcpuHandle kicks, CpuState state) {
    if (waits) {
      VcpuExit exit = step(false);
      if (exit != VcpuExit.Stepped.STEPPED) {
        return exit;
      }
    } else {
      finisher.getState(state);
      if (awaits(windowWanted, state)) {
        boolean whole = slice > 0 && !needed(state);
        finisher.requestInterruptWindow(windowWanted);
        VcpuExit exit =
            whole ? finisher.run(finisher.branchCount() + slice) : exit(finisher.step());
        if (!(exit instanceof VcpuExit.Kicked
            || exit instanceof VcpuExit.Stepped
            || exit instanceof VcpuExit.Deadline)) {
          return exit(exit);
        }
      }
    }
    if (kicks.isKicked()) {
      kicks.takeKick();
      return VcpuExit.Kicked.KICKED;
    }
    finisher.getState(state);
    return null;
  }

  /** Whether the kernel cannot yet go on from a state: because of what waits in it, or because it would open a window that is wanted too late. */
  boolean awaits(boolean windowWanted, CpuState state) {
    return needed(state)
        || windowWanted && !traits.irqWindowPrompt() && !state.halted && !state.shutdown;
  }

  /** Whether KVM, or this host's, cannot deliver what waits in that state in the order and at the boundary that the contract says. */
  boolean needed(CpuState s) {
    boolean interrupt = s.pendingInterrupt >= 0;
    boolean exception = s.pendingException >= 0;
    if (s.pendingDebug != 0
        || exception && (interrupt || s.nmiPending)
        || interrupt && (s.nmiPending || s.interruptShadow != 0 || (s.rflags & FLAG_IF) == 0)) {
      return true;
    }
    return !traits.irqWindowPrompt() && s.nmiPending && (s.nmiBlocked || s.interruptShadow != 0);
  }

  @Override
  public void close() {
    memory.setObserver(null);
    finisher.close();
  }
}
