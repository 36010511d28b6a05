package dev.lockstep.vmm.boot;

import dev.lockstep.engine.GuestMemory;

/** Changes a kernel in the guest's memory after it was loaded and before it runs. */
@FunctionalInterface
public interface KernelEdit {
  /** Leaves it as it is. */
  KernelEdit NONE = (map, memory) -> "";

  /**
   * @param map where the kernel's sections lie
   * @param memory holds the kernel; the initrd is not there yet
   * @return what was done, in words that differ whenever the change differs: goes into {@link BootResult#digest}; empty for nothing
   * @throws dev.lockstep.engine.VmmException if the kernel cannot be changed as it must be
   */
  String edit(KernelMap map, GuestMemory memory);
}
