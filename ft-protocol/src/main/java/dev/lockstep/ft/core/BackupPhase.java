package dev.lockstep.ft.core;

/** The phases of a backup. */
public enum BackupPhase {
  /** Asks the primary to be brought in. */
  CONNECTING,
  /** Receives the checkpoint, applies it and catches up; not in sync. */
  JOINING,
  /** In sync: acknowledges records on receipt, replays, and may take over. */
  FOLLOWING,
  /** The primary is suspected. Silent until the arbiter has answered. */
  ARBITRATING,
  /** Won: replays to the last record it holds. */
  GOING_LIVE,
  /** The primary of the next epoch; a {@link PrimaryCore} goes on from here. */
  LIVE,
  /** Its state is of no more use. */
  LOST,
  /** The guest ended and its output has left. */
  ENDED
}
