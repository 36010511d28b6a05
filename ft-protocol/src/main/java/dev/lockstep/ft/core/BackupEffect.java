package dev.lockstep.ft.core;

import java.util.List;

/** What a backup wants done, in this order. */
public sealed interface BackupEffect {

  /** Send to the primary; best effort. */
  record Send(Message.ToPrimary message) implements BackupEffect {}

  /**
   * Drop whatever is staged and make room for a checkpoint.
   *
   * @param round the divergence it heals; 0 for a join
   */
  record BeginStaging(long epoch, int round) implements BackupEffect {}

  /** Keep this chunk of the checkpoint beside the machine, not in it yet. Chunks come in order. */
  record Stage(long epoch, int index, Payload data) implements BackupEffect {}

  /** The checkpoint is whole: make the machine what it says, answer with {@code CheckpointApplied}. */
  record ApplyCheckpoint(long epoch, long checkpointSequence, long outputsBefore)
      implements BackupEffect {}

  /**
   * The resynchronisation is staged whole: see whether it fits, then make the machine what it says. Answered with {@code Resynchronised}, or with {@code
   * ResynchronisationUnfit} if nothing was touched.
   */
  record Resynchronise(long epoch, int round, long checkpointSequence, long outputsBefore)
      implements BackupEffect {}

  /** Queue these records for replay, in order, and replay through the last of them. */
  record Replay(List<LogRecord> records) implements BackupEffect {}

  /** No record comes before this mark's point: replay may go up to it. */
  record ReplayUpTo(ProgressMark mark) implements BackupEffect {}

  /** Outputs with numbers up to {@code throughOutput} have left at the primary: they need not be kept. */
  record ForgetOutputs(long throughOutput) implements BackupEffect {}

  /** Create the name with this replica's instance as its value if it is absent, read it, and answer with {@code DecisionKnown}. */
  record Claim(DecisionName name) implements BackupEffect {}

  /** No further record comes: replay through {@code throughSequence}, no further than needed, and report it. */
  record FinishReplay(long throughSequence) implements BackupEffect {}

  /** The machine is the primary's now: let it run on from where its replay stands, after sending again every output numbered above {@code resendAfter}. */
  record GoLive(Takeover takeover) implements BackupEffect {}

  /** The phase or epoch changed. Comes before the effects that follow from it: who keeps a durable marker writes it here. */
  record StatusChanged(BackupStatus status) implements BackupEffect {}

  /** The machine's state is of no more use: stop it. */
  record Abandon(BackupLoss reason, String detail) implements BackupEffect {}

  /** The guest ended and its output has left; the replica may go. */
  record Finish() implements BackupEffect {}

  /** Whether the machine has more to follow by this. */
  default boolean addsToReplay() {
    return this instanceof Replay || this instanceof ReplayUpTo;
  }
}
