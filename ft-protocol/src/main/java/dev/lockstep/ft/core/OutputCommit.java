package dev.lockstep.ft.core;

/** When an output of a protected primary may leave. A property of the membership: the primary says it when it accepts a backup. */
public enum OutputCommit {
  /**
   * When the backup's own replay has produced the same output. What differs never leaves before it is healed, and a backup has matched all that ever left.
   * Costs the replay's lag.
   */
  MATCHED,
  /** When the backup holds the output's entry. Costs a round trip; a difference may be found after the output has left. */
  RECEIVED
}
