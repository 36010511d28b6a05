package dev.lockstep.ft.core;

/** The phases of a primary. */
public enum PrimaryPhase {
  /** Powered on; the guest does not run before a backup is in sync. */
  STARTING,
  /** The guest runs, or is about to, without a backup in sync; outputs leave at once. */
  NOT_PROTECTED,
  /** A checkpoint goes to a joining backup, which then catches up; still not protected. */
  TRANSFERRING,
  /** The backup has been told that it is in sync from here on; outputs are held until it says so. */
  ARMING,
  /** In lockstep: an output leaves when the backup has acknowledged its output entry. */
  PROTECTED,
  /** The backup has diverged: what it has not matched is held until a checkpoint has made the two equal again. */
  RESYNCHRONISING,
  /** An operator wants the backup to go on: the guest stands still, and what it put out leaves. */
  HANDING_OVER,
  /** The backup has been told to ask for the next term. Nothing leaves here, and only the arbiter may give this replica the guest back. */
  HANDED_OVER,
  /** The backup is suspected. Nothing leaves until the arbiter has answered. */
  ARBITRATING,
  /** The other replica goes on: this one has stopped for ever. */
  FENCED,
  /** The guest ended, or a user ended it, and all its output has left. */
  ENDED
}
