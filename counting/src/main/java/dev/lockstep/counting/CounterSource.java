package dev.lockstep.counting;

/** Opens counters: those of the kernel count one thread, so a vCPU that changes its thread needs a new one. */
@FunctionalInterface
public interface CounterSource {
  /**
   * Opens a counter of the calling thread, which stays where the counter counts (on hybrid CPUs, on cores of one kind).
   *
   * @return closed by the caller
   * @throws dev.lockstep.engine.VmmException if there is none to be had, with advice
   */
  BranchCounter open();
}
