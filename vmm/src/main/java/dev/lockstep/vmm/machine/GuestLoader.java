package dev.lockstep.vmm.machine;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;

/** Puts a guest into a new machine: kernel, boot data, and the CPU's first state. */
@FunctionalInterface
public interface GuestLoader {
  /**
   * @param memory all zeros
   * @param state the CPU's state, to be filled
   * @throws dev.lockstep.engine.VmmException if the guest cannot be loaded
   */
  void load(GuestMemory memory, CpuState state);
}
