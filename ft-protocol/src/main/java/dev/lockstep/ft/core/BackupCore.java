package dev.lockstep.ft.core;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The backup's side of the protocol, from its first request to join until it is lost, or live, or the guest has ended. It says what it holds and what it has replayed and
 * matched, never lets the replay run past the last record or progress mark, and takes over only when it is in sync, suspects the primary and the arbiter has given
 * it the next term. One core is one attempt: a backup that is lost joins anew with a fresh core and a fresh {@link ReplicaInstance}.
 *
 * <p>Not thread-safe: one thread owns it. After an {@link IllegalStateException} it must not be used any more.
 */
public final class BackupCore {
  private final ReplicaInstance self;
  private final Timing timing;
  private final Canary canary;
  private final Following following;
  private final HeldLog log;
  private final BackupHealing healing;
  private List<BackupEffect> effects = new ArrayList<>();

  private BackupPhase phase = BackupPhase.CONNECTING;
  private @Nullable BackupLoss loss;
  private final BackupJoin join = new BackupJoin();
  private long epoch;
  private boolean applied;
  private long protectAfter = -1;
  private long outputsAcknowledged;
  private long releasedWatermark;
  private boolean handedOver;
  private long finishAfter;
  private long echoedNanos;

  /** Something was done that the primary waits for. */
  private boolean reportDue;

  /** Something was done that the primary does not wait for. */
  private boolean progressDue;

  private long lastStepNanos;
  private long lastHeardNanos;
  private long lastReportNanos;
  private long lastJoinNanos;
  private long lastClaimNanos;

  /** A backup that is about to ask its primary to bring it in. */
  public BackupCore(ReplicaInstance self, Timing timing, Following following) {
    this(self, timing, following, Canary.NONE);
  }

  BackupCore(ReplicaInstance self, Timing timing, Following following, Canary canary) {
    this.self = self;
    this.timing = timing;
    this.following = following;
    this.canary = canary;
    log = new HeldLog(canary);
    healing = new BackupHealing(timing);
  }

  /** Must be called once, before the first {@link #step}. */
  public List<BackupEffect> begin(long now) {
    lastStepNanos = now;
    lastHeardNanos = now;
    enter(BackupPhase.CONNECTING);
    askToJoin(now);
    return finishStep();
  }

  /**
   * Takes one input.
   *
   * @param now the host's monotonic clock, nanoseconds; never goes back
   * @return what is to be done, in order
   */
  public List<BackupEffect> step(long now, BackupInput input) {
    discountOwnPause(now);
    switch (phase) {
      case CONNECTING -> connecting(now, input);
      case JOINING -> joining(now, input);
      case FOLLOWING -> following(now, input);
      case ARBITRATING -> arbitrating(now, input);
      case GOING_LIVE -> goingLive(input);
      case LIVE, LOST -> {}
      case ENDED -> ended(input);
    }
    return finishStep();
  }

  /** When {@link BackupInput.Tick} is wanted at the latest, by the same clock. */
  public long nextTickNanos() {
    long next = lastStepNanos + timing.heartbeatIntervalNanos();
    return switch (phase) {
      case JOINING, FOLLOWING -> Math.min(next, nextReportNanos());
      // Nothing is reported: the time of a next report stays behind, and to wait for it would be
      // not to wait.
      case CONNECTING, ARBITRATING, GOING_LIVE, LIVE, LOST, ENDED -> next;
    };
  }

  /** When it speaks at the latest, while it has a primary. */
  private long nextReportNanos() {
    return lastReportNanos
        + (progressDue ? timing.progressNanos() : timing.heartbeatIntervalNanos());
  }

  public BackupStatus status() {
    return new BackupStatus(phase, epoch, loss);
  }

  /** The last record held, with all before it. */
  public long receivedThrough() {
    return log.receivedThrough();
  }

  /** The last record replayed. */
  public long replayedThrough() {
    return log.replayedThrough();
  }

  /** Whether it stands, and waits for a checkpoint: because its replay differs, or as planned. */
  public boolean isDiverged() {
    return healing.isOpen();
  }

  /** Whether it stands because its replay differs. */
  public boolean differs() {
    return healing.differs();
  }

  /** How often its replay has differed in this epoch. */
  public int divergences() {
    return healing.divergences();
  }

  /**
   * Whether everything that may have left was matched by this backup before: then what its machine goes on to say contradicts nothing, diverged or not.
   */
  public boolean hasMatchedWhatLeft() {
    return log.outputsReplayed() >= Math.max(outputsAcknowledged, releasedWatermark);
  }

  // ---- one method a phase

  private void connecting(long now, BackupInput input) {
    switch (input) {
      case BackupInput.Received(Message.JoinAccepted accepted)
          when accepted.backup().equals(self) -> {
        joins(now, accepted.epoch());
        accepted(now, accepted);
      }
      case BackupInput.Received(Message.CheckpointBegun begun)
          when begun.round() == 0 && begun.backup().equals(self) -> {
        joins(now, begun.epoch());
        join.begin(epoch, effects);
      }
      case BackupInput.Failed(BackupLoss reason, String detail) -> lose(reason, detail);
      case BackupInput.LinkUp() -> askToJoin(now);
      case BackupInput.Tick() -> {
        if (now - lastJoinNanos >= timing.joinRetryNanos()) {
          askToJoin(now);
        }
      }
      case BackupInput.Received ignored -> {}
      case BackupInput.CheckpointApplied ignored -> {}
      case BackupInput.Replayed ignored -> {}
      case BackupInput.Diverged ignored -> {}
      case BackupInput.Resynchronised ignored -> {}
      case BackupInput.ResynchronisationUnfit ignored -> {}
      case BackupInput.DecisionKnown ignored -> {}
      case BackupInput.LinkLost() -> {}
      case BackupInput.LinkRefused() -> {}
    }
  }

  private void joins(long now, long joined) {
    epoch = joined;
    heard(now);
    enter(BackupPhase.JOINING);
  }

  private void accepted(long now, Message.JoinAccepted accepted) {
    heard(now);
    log.begin(accepted.checkpointSequence(), accepted.outputsBefore());
    outputsAcknowledged = accepted.outputsBefore();
    // What left before the checkpoint has left for good before this backup is told that it is in
    // sync.
    releasedWatermark = Math.max(releasedWatermark, accepted.outputsBefore());
    join.accept(accepted, effects);
    if (join.isOverfull()) {
      leave(BackupLoss.CHECKPOINT_FAILED, "more chunks have come than the checkpoint has");
    }
  }

  private void joining(long now, BackupInput input) {
    switch (input) {
      case BackupInput.Received(Message.CheckpointChunk chunk)
          when canary.hears(epoch, chunk.epoch()) && chunk.round() == 0 -> {
        reportDue = true;
        if (join.chunk(chunk, effects)) {
          heard(now);
        }
      }
      case BackupInput.Received(Message.JoinAccepted accepted)
          when canary.hears(epoch, accepted.epoch()) && !join.isAccepted() -> {
        reportDue = true;
        accepted(now, accepted);
      }
      case BackupInput.CheckpointApplied done when done.epoch() == epoch -> {
        applied = true;
        log.stands(done.position());
        reportDue = true;
      }
      case BackupInput.LinkRefused() ->
          lose(BackupLoss.PRIMARY_LOST_WHILE_JOINING, "nobody listens where the primary did");
      // Not in sync yet: a fresh checkpoint comes with the next join.
      case BackupInput.Diverged diverged -> leave(BackupLoss.DIVERGED, diverged.what().toString());
      default -> {
        withPrimary(now, input);
        if (phase == BackupPhase.JOINING && silent(now)) {
          lose(BackupLoss.PRIMARY_LOST_WHILE_JOINING, "the primary was not heard for too long");
        }
      }
    }
    if (phase == BackupPhase.JOINING
        && applied
        && protectAfter >= 0
        && committed() >= protectAfter) {
      // What came before the protection left without this backup's word.
      acknowledgeOutputs();
      reportDue = true;
      enter(BackupPhase.FOLLOWING);
    }
  }

  private void following(long now, BackupInput input) {
    if (input instanceof BackupInput.LinkRefused) {
      if (finishAfter == 0) {
        suspect(now);
      }
      return;
    }
    withPrimary(now, input);
    if (phase != BackupPhase.FOLLOWING) {
      return;
    }
    if (finishAfter != 0 && (log.replayedThrough() >= finishAfter || healing.isOpen())) {
      // One whose replay differs at the very end has nothing to take over either.
      enter(BackupPhase.ENDED);
      sendReport();
      effects.add(new BackupEffect.Finish());
    } else if (finishAfter == 0 && silent(now)) {
      suspect(now);
    }
  }

  private void arbitrating(long now, BackupInput input) {
    switch (input) {
      case BackupInput.DecisionKnown known when known.name().equals(decision()) -> {
        if (known.winner().equals(self)) {
          enter(BackupPhase.GOING_LIVE);
          finishReplay();
        } else {
          lose(
              BackupLoss.LOST_ARBITRATION,
              "the arbiter gave epoch %d to %s".formatted(epoch, known.winner()));
        }
      }
      case BackupInput.Replayed replayed -> log.noteReplay(replayed);
      case BackupInput.Diverged diverged -> healing.diverged(diverged);
      case BackupInput.Resynchronised done -> healed(done);
      case BackupInput.ResynchronisationUnfit unfit -> healing.unfit(unfit.round());
      case BackupInput.Failed(BackupLoss reason, String detail) -> lose(reason, detail);
      case BackupInput.Tick() -> {
        if (now - lastClaimNanos >= timing.arbiterRetryNanos()) {
          claim(now);
        }
      }
      case BackupInput.Received(Message.BackupDropped dropped)
          when canary.hears(epoch, dropped.epoch()) ->
          lose(BackupLoss.DROPPED_BY_PRIMARY, "the primary goes on alone");
      case BackupInput.DecisionKnown ignored -> {}
      case BackupInput.Received ignored -> {}
      case BackupInput.CheckpointApplied ignored -> {}
      case BackupInput.LinkUp() -> {}
      case BackupInput.LinkLost() -> {}
      case BackupInput.LinkRefused() -> {}
    }
  }

  private void goingLive(BackupInput input) {
    switch (input) {
      case BackupInput.Replayed replayed -> {
        log.noteReplay(replayed);
        if (log.isReplayed() && !healing.isOpen()) {
          goLive();
        }
      }
      case BackupInput.Diverged diverged -> {
        healing.diverged(diverged);
        finishReplay();
      }
      case BackupInput.Resynchronised done -> {
        healed(done);
        finishReplay();
      }
      case BackupInput.ResynchronisationUnfit unfit -> {
        healing.unfit(unfit.round());
        finishReplay();
      }
      case BackupInput.Failed(BackupLoss reason, String detail) -> lose(reason, detail);
      default -> {}
    }
  }

  private void ended(BackupInput input) {
    if (input instanceof BackupInput.Received(Message.GuestFinished finished)
        && finished.epoch() == epoch) {
      sendReport();
    }
  }

  /** What JOINING and FOLLOWING share. */
  private void withPrimary(long now, BackupInput input) {
    switch (input) {
      case BackupInput.Received(Message message)
          when message.epoch() != 0 && canary.hears(epoch, message.epoch()) -> {
        heardFromPrimary(now, message);
      }
      case BackupInput.Replayed replayed -> {
        // Only an output is waited for. What else was replayed is told before long.
        long outputs = log.outputsReplayed();
        log.noteReplay(replayed);
        reportDue |= log.outputsReplayed() > outputs;
        progressDue = true;
      }
      case BackupInput.Diverged diverged -> {
        healing.diverged(diverged);
        reportDue = true;
      }
      case BackupInput.Resynchronised done -> {
        healed(done);
        reportDue = true;
      }
      case BackupInput.ResynchronisationUnfit unfit -> {
        healing.unfit(unfit.round());
        healing.tell(now, epoch, effects);
      }
      case BackupInput.Failed(BackupLoss reason, String detail) -> leave(reason, detail);
      case BackupInput.LinkUp() -> reportDue = true;
      case BackupInput.Tick() -> {
        healing.tell(now, epoch, effects);
        if (reportDue || now >= nextReportNanos()) {
          lastReportNanos = now;
          sendReport();
        }
      }
      case BackupInput.Received ignored -> {}
      case BackupInput.CheckpointApplied ignored -> {}
      case BackupInput.DecisionKnown ignored -> {}
      case BackupInput.LinkLost() -> {}
      case BackupInput.LinkRefused() -> {}
    }
  }

  private void heardFromPrimary(long now, Message message) {
    switch (message) {
      case Message.Records records -> receive(now, records);
      case Message.Heartbeat heartbeat -> {
        if (heartbeat.sentNanos() > echoedNanos) {
          // A copy of an old heartbeat is no sign of life.
          echoedNanos = heartbeat.sentNanos();
          heard(now);
        }
        reportDue = true;
        if (heartbeat.releasedThrough() > releasedWatermark) {
          releasedWatermark = heartbeat.releasedThrough();
          effects.add(new BackupEffect.ForgetOutputs(releasedWatermark));
        }
      }
      case Message.Protect protect -> protectAfter = protect.afterSequence();
      case Message.BackupDropped ignored ->
          lose(BackupLoss.DROPPED_BY_PRIMARY, "the primary goes on alone");
      case Message.GuestFinished finished -> {
        if (phase == BackupPhase.FOLLOWING) {
          finishAfter = finished.throughSequence();
        }
      }
      case Message.JoinAccepted ignored -> reportDue = true;
      case Message.CheckpointBegun begun -> {
        reportDue = true;
        healing.begun(begun, effects);
      }
      case Message.CheckpointChunk chunk -> {
        reportDue = true;
        if (healing.chunk(chunk, effects)) {
          heard(now);
        }
      }
      case Message.Resynchronise offer -> {
        reportDue = true;
        healing.offered(offer, effects);
      }
      case Message.HandOver handOver -> {
        if (phase == BackupPhase.FOLLOWING
            && !healing.isOpen()
            && log.replayedThrough() >= handOver.throughSequence()) {
          handedOver = true;
          suspect(now);
        }
      }
      case Message.JoinDeferred ignored -> {}
      case Message.ToPrimary ignored -> {}
    }
  }

  // ---- records and checkpoints

  private void receive(long now, Message.Records message) {
    if (!applied) {
      return;
    }
    long before = log.receivedThrough();
    if (log.receive(message, effects)) {
      heard(now);
    }
    if (!healing.isOpen()) {
      log.heedMark(effects);
    }
    boolean repeated = !message.records().isEmpty() && log.receivedThrough() == before;
    reportDue |=
        repeated || join.commit() == OutputCommit.RECEIVED && log.receivedThrough() > before;
    progressDue |= log.receivedThrough() > before;
  }

  // ---- losing the primary

  /** A replica that did not run cannot have heard anything: its own pause is not the primary's silence. */
  private void discountOwnPause(long now) {
    long pause = now - lastStepNanos - 2 * timing.heartbeatIntervalNanos();
    if (pause > 0) {
      lastHeardNanos += pause;
    }
    lastStepNanos = now;
  }

  private void heard(long now) {
    lastHeardNanos = now;
  }

  private boolean silent(long now) {
    return now - lastHeardNanos >= timing.primarySilenceNanos();
  }

  /** From here on nothing is acknowledged: the arbiter may have written this replica's name although its answer does not come. */
  private void suspect(long now) {
    if (healing.isOpen() && !healing.isApplying() && !hasMatchedWhatLeft()) {
      lose(
          BackupLoss.DIVERGED,
          "the primary was lost before it could heal this backup, and something that left was not matched");
      return;
    }
    enter(BackupPhase.ARBITRATING);
    claim(now);
  }

  private void claim(long now) {
    lastClaimNanos = now;
    effects.add(new BackupEffect.Claim(decision()));
  }

  private DecisionName decision() {
    return new DecisionName(join.vm(), epoch);
  }

  /** The term is this replica's. What is being applied is applied first; a machine that differs goes on only if nothing has left that it has not matched. */
  private void finishReplay() {
    if (healing.isApplying() && canary.appliesWhole()) {
      return;
    }
    if (!healing.isOpen()) {
      effects.add(new BackupEffect.FinishReplay(log.receivedThrough()));
    } else if (hasMatchedWhatLeft()) {
      goLive();
    } else {
      lose(BackupLoss.DIVERGED, "something that left was not matched by this backup");
    }
  }

  private void healed(BackupInput.Resynchronised done) {
    Message.Resynchronise applied = healing.applied(done.round());
    if (applied != null) {
      log.leap(applied.checkpointSequence(), applied.outputsBefore(), done.position());
      log.heedMark(effects);
    }
  }

  private void goLive() {
    boolean diverged = healing.differs();
    boolean complete = following == Following.EXACT && !healing.isOpen();
    if (canary.recordsOutputs() && complete && log.outputsReplayed() != log.outputsReceived()) {
      throw new IllegalStateException(
          "replay through record %d produced %d outputs, but the log has %d"
              .formatted(log.replayedThrough(), log.outputsReplayed(), log.outputsReceived()));
    }
    long resendAfter = canary.resendAfter(releasedWatermark, log.outputsReplayed());
    effects.add(new BackupEffect.Send(new Message.TookOver(epoch)));
    epoch++;
    enter(BackupPhase.LIVE);
    // A machine that differs goes on from the last record it has fulfilled: what came after never
    // left, and was not answered by anything that did.
    long sequence = log.replayedThrough();
    effects.add(
        new BackupEffect.GoLive(
            new Takeover(
                join.vm(),
                epoch,
                sequence,
                log.replayedPosition(),
                log.outputsReplayed(),
                resendAfter,
                log.endsWithGuest(sequence),
                diverged,
                handedOver)));
  }

  private void leave(BackupLoss reason, String detail) {
    effects.add(new BackupEffect.Send(new Message.BackupLeaving(epoch, reason, detail)));
    lose(reason, detail);
  }

  private void lose(BackupLoss reason, String detail) {
    loss = reason;
    enter(BackupPhase.LOST);
    effects.add(new BackupEffect.Abandon(reason, detail));
  }

  // ---- sending

  private void askToJoin(long now) {
    lastJoinNanos = now;
    effects.add(new BackupEffect.Send(new Message.JoinRequest(self)));
  }

  private void sendReport() {
    reportDue = false;
    progressDue = false;
    if (join.commit() == OutputCommit.MATCHED || !healing.isOpen()) {
      acknowledgeOutputs();
    }
    effects.add(
        new BackupEffect.Send(
            new Message.BackupReport(
                epoch,
                stage(),
                healing.divergences() == 0 ? join.chunksThrough() : healing.chunksThrough(),
                log.receivedThrough(),
                log.replayedThrough(),
                log.replayedPosition(),
                echoedNanos,
                healing.divergences(),
                healing.healed())));
  }

  private void acknowledgeOutputs() {
    outputsAcknowledged =
        join.commit() == OutputCommit.MATCHED ? log.outputsReplayed() : log.outputsReceived();
  }

  /** Through which record outputs may leave as far as this backup is concerned. */
  private long committed() {
    return join.commit() == OutputCommit.MATCHED ? log.replayedThrough() : log.receivedThrough();
  }

  private BackupStage stage() {
    return switch (phase) {
      case CONNECTING, JOINING -> applied ? BackupStage.CATCHING_UP : BackupStage.RECEIVING;
      case FOLLOWING, ARBITRATING, GOING_LIVE, LIVE, LOST -> BackupStage.FOLLOWING;
      case ENDED -> BackupStage.FINISHED;
    };
  }

  private List<BackupEffect> finishStep() {
    List<BackupEffect> done = effects;
    effects = new ArrayList<>();
    return done;
  }

  private void enter(BackupPhase next) {
    phase = next;
    effects.add(new BackupEffect.StatusChanged(status()));
  }
}
