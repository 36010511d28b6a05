package dev.lockstep.ft.core;

/** What happens to a backup. */
public sealed interface BackupInput {

  /** Time has passed, or the queue of inputs is drained. At least every heartbeat interval. */
  record Tick() implements BackupInput {}

  /** A message from the primary. */
  record Received(Message.ToBackup message) implements BackupInput {}

  /** The staged checkpoint is applied: the machine stands just after the checkpoint's sequence. */
  record CheckpointApplied(long epoch, Position position) implements BackupInput {}

  /** The replay has come to {@code position}, every record up to {@code throughSequence} is applied, and the machine has produced {@code outputs} outputs. */
  record Replayed(long throughSequence, Position position, long outputs) implements BackupInput {}

  /**
   * The replay differs; the machine stands where that was found.
   *
   * @param written which pages and blocks were written since it was known to be the primary's equal
   */
  record Diverged(Divergence what, Payload written) implements BackupInput {}

  /** The resynchronisation of that round is applied: the machine stands just after its checkpoint, as the primary's did. */
  record Resynchronised(long epoch, int round, Position position) implements BackupInput {}

  /** The staged resynchronisation would not make the machine what the primary's was, so nothing was touched. */
  record ResynchronisationUnfit(long epoch, int round) implements BackupInput {}

  /** This replica cannot go on as a backup. */
  record Failed(BackupLoss reason, String detail) implements BackupInput {}

  /** The arbiter's answer: {@code winner} holds the name. */
  record DecisionKnown(DecisionName name, ReplicaInstance winner) implements BackupInput {}

  /** The link to the primary is there (again). */
  record LinkUp() implements BackupInput {}

  /** The link to the primary broke. */
  record LinkLost() implements BackupInput {}

  /** The primary's host answers that nobody listens where the primary listened: its process is gone. */
  record LinkRefused() implements BackupInput {}
}
