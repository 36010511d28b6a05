package dev.lockstep.vmm.machine;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.TimeStampCounter;
import dev.lockstep.engine.Vcpu;

/** Makes an engine's vCPU for a machine. */
@FunctionalInterface
public interface VcpuFactory {
  /** A vCPU in its reset state, with count 0. */
  Vcpu create(CpuModel model, BranchSemantics semantics, GuestMemory memory, TimeStampCounter tsc);
}
