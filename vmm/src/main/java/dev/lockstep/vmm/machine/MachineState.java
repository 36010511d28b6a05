package dev.lockstep.vmm.machine;

/** The life of a machine, as others see it. */
public enum MachineState {
  /** Made or restored; the vCPU has not run. */
  CREATED,
  /** The vCPU runs, or is idle. */
  RUNNING,
  /** A replica stands at the end of what it holds. */
  WAITING,
  /** Somebody paused it. */
  PAUSED,
  /** It came to an end ({@link Machine#ended}). */
  ENDED,
  /** It cannot go on: divergence, I/O error, broken invariant. */
  FAILED
}
