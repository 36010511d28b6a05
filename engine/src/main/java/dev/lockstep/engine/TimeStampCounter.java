package dev.lockstep.engine;

/** Where RDTSC gets its value from: the machine's virtual time, a function of the branch count and of the log alone. */
@FunctionalInterface
public interface TimeStampCounter {
  /**
   * @param branchCount the vCPU's branch count at the RDTSC
   * @return the counter's value; never less than at an earlier call
   */
  long read(long branchCount);
}
