package dev.lockstep.vmm.config;

/** What a machine is for, as far as its engine matters. */
public enum Purpose {
  /** Runs, and nobody will repeat it. */
  FREE_RUNNING,
  /** Its events are logged, or replayed: every moment must have an exact name. */
  RECORDED,
  /** It has a backup that follows it, which needs the same. */
  REPLICATED;

  /** Whether an engine must count branches exactly for it. */
  boolean needsExactCounts() {
    return this != FREE_RUNNING;
  }
}
