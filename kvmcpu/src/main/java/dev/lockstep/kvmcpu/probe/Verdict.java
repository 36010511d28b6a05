package dev.lockstep.kvmcpu.probe;

/** How good what was found is for Lockstep. */
public enum Verdict {
  /** All that is needed. */
  OK,
  /** It works in part, or by a detour. */
  LIMITED,
  /** It is not there. */
  MISSING
}
