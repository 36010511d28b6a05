package dev.lockstep.vmm.engine;

/** What a machine is run for. */
public enum Purpose {
  /** It runs, and nobody repeats it. */
  FREE_RUNNING,
  /** Its log must repeat it bit for bit. */
  RECORDED,
  /** A backup follows it. */
  REPLICATED
}
