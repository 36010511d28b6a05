package dev.lockstep.ft.core;

/** What happens to a primary. One replica's inputs are totally ordered; the machine's own ({@link Recorded}, {@link Progress}, {@link CheckpointTaken}, {@link
 * GuestEnded}) come in the order in which its vCPU thread made them. */
public sealed interface PrimaryInput {

  /** Time has passed, or the queue of inputs is drained: what was gathered is sent, timeouts are looked at. At least every heartbeat interval. */
  record Tick() implements PrimaryInput {}

  /** A message from a backup. */
  record Received(Message.ToPrimary message) implements PrimaryInput {}

  /** The machine recorded an entry of kind INPUT or OUTPUT; an OUTPUT is now held by the gate. Its number follows from the order. */
  record Recorded(RecordKind kind, Position position, Payload payload) implements PrimaryInput {}

  /** The guest has come to {@code position}, and all that was recorded before it has been handed in. */
  record Progress(Position position, Payload point) implements PrimaryInput {}

  /** The guest ended at {@code position}, by itself or stopped there by a user. The gate may still hold outputs. */
  record GuestEnded(Position position, Payload payload) implements PrimaryInput {}

  /** Every output with a number up to {@code throughOutput} has really left. */
  record OutputsLeft(long throughOutput) implements PrimaryInput {}

  /**
   * Of the checkpoint that is being taken so many chunks are there for good, and may be sent before it is whole.
   *
   * @param round the divergence it heals; 0 for a join
   */
  record CheckpointGrew(long epoch, int round, int chunkCount) implements PrimaryInput {}

  /**
   * The checkpoint asked for is taken; it holds the machine just after everything recorded so far.
   *
   * @param round the divergence it heals; 0 for a join
   */
  record CheckpointTaken(long epoch, int round, int chunkCount) implements PrimaryInput {}

  /** The checkpoint asked for could not be taken. */
  record CheckpointFailed(long epoch, int round, String detail) implements PrimaryInput {}

  /** An operator's order. */
  record Ordered(OperatorOrder order) implements PrimaryInput {}

  /** The guest stands still as asked, and all that it recorded before has been handed in. */
  record GuestPaused() implements PrimaryInput {}

  /** The arbiter's answer: {@code winner} holds the name. */
  record DecisionKnown(DecisionName name, ReplicaInstance winner) implements PrimaryInput {}

  /** The link to the backup is there (again). */
  record LinkUp() implements PrimaryInput {}

  /** The link to the backup broke. */
  record LinkLost() implements PrimaryInput {}
}
