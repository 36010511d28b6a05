package dev.lockstep.kvmcpu;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.ExactVcpu;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.TimeStampCounter;

/** Makes the exact engine that executes single instructions for KVM: the software CPU, handed in by who builds the machine. */
@FunctionalInterface
public interface Finisher {
  /**
   * A vCPU over the same memory, owned and closed by the KVM engine's.
   *
   * @param model the guest's, with a time-stamp counter where this host lets the guest see one
   * @param tsc the counter that the guest sees in the kernel's vCPU
   */
  ExactVcpu create(
      CpuModel model, GuestMemory memory, BranchSemantics semantics, TimeStampCounter tsc);
}
