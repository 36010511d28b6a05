package dev.lockstep.ft.core;

/** What a primary does at power-on without a backup. */
public enum StartPolicy {
  /** The guest does not run before a backup is in sync. */
  WAIT_FOR_BACKUP,
  /** The guest runs at once, not protected; a backup may join later. */
  START_ALONE
}
