package dev.lockstep.ft.core;

/** Why a primary runs, or waits, without a backup in sync. */
public enum NotProtectedReason {
  /** No backup has joined since power-on. */
  NEED_BACKUP,
  /** The backup was not heard for too long. */
  BACKUP_SILENT,
  /** The link to the backup broke and did not come back in time. */
  LOST_CONNECTION,
  /** The backup was heard but acknowledged nothing for too long. */
  BACKUP_STUCK,
  /** The backup said that it left: divergence, a failed disk, a user. */
  BACKUP_LEFT,
  /** The backup said something that no backup of this VM can say. */
  PROTOCOL_ERROR,
  /** A joining backup made no progress. */
  JOIN_FAILED,
  /** This replica went live after the primary was lost. */
  PRIMARY_LOST,
  /** It went live while its replay differed from the lost primary's: nothing that has left is contradicted, but one of the two was damaged. */
  PRIMARY_LOST_DIVERGED,
  /** The backup's replay differed, and could not be healed. */
  DIVERGENCE,
  /** An operator asked for it. */
  USER_ACTION
}
