package dev.lockstep.ft.core;

/** Why a backup's state is of no more use as a backup. */
public enum BackupLoss {
  /** The primary died before this backup was in sync. */
  PRIMARY_LOST_WHILE_JOINING,
  /** The arbiter has given the term to the primary. */
  LOST_ARBITRATION,
  /** The primary said that it goes on without this backup. */
  DROPPED_BY_PRIMARY,
  /** The replay differed from the recording, and it could not be healed. */
  DIVERGED,
  /** This host could not go on: its disk failed, or memory ran out. */
  HOST_FAILED,
  /** The checkpoint could not be applied. */
  CHECKPOINT_FAILED,
  /** A user asked for it. */
  STOPPED
}
