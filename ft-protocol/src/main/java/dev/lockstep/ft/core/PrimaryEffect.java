package dev.lockstep.ft.core;

/** What a primary wants done, in this order. */
public sealed interface PrimaryEffect {

  /** Send to that instance; best effort. */
  record Send(ReplicaInstance to, Message.ToBackup message) implements PrimaryEffect {}

  /** Send chunk {@code index} of the checkpoint taken for {@code epoch}; best effort. */
  record SendChunk(ReplicaInstance to, long epoch, int index) implements PrimaryEffect {}

  /** Stop the guest at a point, keep a checkpoint of the machine there, let the guest go on, answer with {@code CheckpointTaken}. */
  record TakeCheckpoint(long epoch) implements PrimaryEffect {}

  /** The checkpoint for {@code epoch} is not needed any more. */
  record DiscardCheckpoint(long epoch) implements PrimaryEffect {}

  /** Let the outputs with numbers up to {@code throughOutput} leave, and answer with {@code OutputsLeft} once they have. */
  record Release(long throughOutput) implements PrimaryEffect {}

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
