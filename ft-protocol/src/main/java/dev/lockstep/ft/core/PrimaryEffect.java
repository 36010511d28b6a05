package dev.lockstep.ft.core;

import org.jspecify.annotations.Nullable;

/** What a primary wants done, in this order. */
public sealed interface PrimaryEffect {

  /** Send to that instance; best effort. */
  record Send(ReplicaInstance to, Message.ToBackup message) implements PrimaryEffect {}

  /** Send chunk {@code index} of the checkpoint taken for that epoch and round; best effort. */
  record SendChunk(ReplicaInstance to, long epoch, int round, int index) implements PrimaryEffect {}

  /** Stop the guest at a point, keep a checkpoint of the machine there, let the guest go on, answer with {@code CheckpointTaken}. */
  record TakeCheckpoint(long epoch) implements PrimaryEffect {}

  /**
   * As {@link TakeCheckpoint}, of what may differ: the pages and blocks that the backup says it has written and those this machine has written, both since the
   * two were last known to be equal; with the outputs that are held. Answered with {@code CheckpointTaken} of the same round.
   *
   * @param everything take all of memory, whatever was written
   * @param written the backup's, as its machine has encoded it
   */
  record TakeResynchronisation(long epoch, int round, boolean everything, Payload written)
      implements PrimaryEffect {}

  /** The checkpoint of that epoch and round is not needed any more. */
  record DiscardCheckpoint(long epoch, int round) implements PrimaryEffect {}

  /** The backup's replay differs: tell somebody. */
  record ReportDivergence(long epoch, int round, Divergence what) implements PrimaryEffect {}

  /** The backup stands where the checkpoint of that round says: what was written before it is equal on both. */
  record Healed(long epoch, int round) implements PrimaryEffect {}

  /** Make the guest stand still at a boundary, and answer with {@code GuestPaused}. */
  record PauseGuest() implements PrimaryEffect {}

  /** The guest may run on after {@link PauseGuest}. */
  record ResumeGuest() implements PrimaryEffect {}

  /** The backup is the primary now, as an operator wanted: stop the machine; this replica may become a backup. */
  record HandedOver() implements PrimaryEffect {}

  /**
   * An operator's order has come to its end.
   *
   * @param failure why it was not carried out; null if it was
   */
  record OrderEnded(OperatorOrder order, @Nullable String failure) implements PrimaryEffect {}

  /**
   * Let the outputs with numbers up to {@code throughOutput} leave, and answer with {@code OutputsLeft} once they have. It goes before every earlier word.
   *
   * @param untilNanos from this moment on nothing leaves, until this is said anew: a replica that is frozen on the way may find that another one has gone live since; {@link #FOR_EVER} where none can
   */
  record Release(long throughOutput, long untilNanos) implements PrimaryEffect {
    /** No moment. */
    public static final long FOR_EVER = Long.MAX_VALUE;
  }

  /** Create the name with this replica's instance as its value if it is absent, read it, and answer with {@code DecisionKnown}; no answer is an answer too. */
  record Claim(DecisionName name) implements PrimaryEffect {}

  /** The guest may run (or not): power-on, and back pressure when a bound is reached. */
  record LetGuestRun(boolean run) implements PrimaryEffect {}

  /** Make the guest sleep this part of its time, 0..99 percent. */
  record Throttle(int percent) implements PrimaryEffect {}

  /** The phase, epoch or reason changed. Comes before the effects that follow from it: who keeps a durable marker writes it here. */
  record StatusChanged(PrimaryStatus status) implements PrimaryEffect {}

  /** Stop the machine, drop what the gate holds: another replica is the machine now. */
  record Fence() implements PrimaryEffect {}

  /** All is done; the replica may go. */
  record Finish() implements PrimaryEffect {}
}
