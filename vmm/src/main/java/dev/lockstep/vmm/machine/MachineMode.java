package dev.lockstep.vmm.machine;

/** How a machine gets to know what happens to its guest. */
public enum MachineMode {
  /** Inputs come from outside and are logged; virtual time is kept near the host's. */
  LIVE,
  /** Inputs come from a finished log; it ends where the log ends. */
  REPLAY,
  /** Inputs come from a log that grows; it waits at its end, and can go live there. */
  FOLLOW
}
