package dev.lockstep.ft.core;

/** How far a backup has come in its epoch, in order. */
public enum BackupStage {
  /** It receives the checkpoint. */
  RECEIVING,
  /** It runs from the checkpoint and catches up. */
  CATCHING_UP,
  /** It is in sync: every output that leaves needs its acknowledgement, and it may go live. */
  FOLLOWING,
  /** It has replayed the guest's end. */
  FINISHED
}
