package dev.lockstep.ft.core;

import java.util.ArrayList;
import java.util.List;

/**
 * The primary's side of the protocol. It numbers what the machine records, streams it to the backup, and says when an output may leave:
 *
 * <ul>
 *   <li>without a backup in sync, at once;
 *   <li>from the moment a backup is told that it is in sync, when that backup has matched the output, or holds its entry, as the {@link OutputCommit} says;
 *   <li>while that backup has diverged, not before it is healed, but for what it had matched before;
 *   <li>while the backup is suspected, not at all: either the arbiter gives this replica the next term, and then the backup will never go live, or it gives it
 *       to the backup, and then this replica lets nothing more out.
 * </ul>
 *
 * <p>Not thread-safe: one thread owns it. After an {@link IllegalStateException} it must not be used any more.
 */
public final class PrimaryCore extends PrimaryState {
  private final LagMeter lagMeter = new LagMeter();

  /** By records: replicas that follow freely do not count alike, and a backup may seem to be level that has much to replay. */
  private final LagMeter recordLagMeter = new LagMeter();

  private final GuestPace pace;
  private final OperatorOrders operator = new OperatorOrders(this);
  private boolean finished;
  private long lastStepNanos;
  private long endedNanos;

  /**
   * A primary of a VM that has just been powered on.
   *
   * @param startEpoch its first term: above any that the VM's disks have seen; at least 1
   */
  public PrimaryCore(
      VmId vm,
      ReplicaInstance self,
      long startEpoch,
      Timing timing,
      Limits limits,
      OutputCommit commit,
      StartPolicy startPolicy) {
    this(vm, self, startEpoch, timing, limits, commit, startPolicy, Canary.NONE);
  }

  PrimaryCore(
      VmId vm,
      ReplicaInstance self,
      long startEpoch,
      Timing timing,
      Limits limits,
      OutputCommit commit,
      StartPolicy startPolicy,
      Canary canary) {
    super(vm, self, timing, limits, commit, startPolicy, new OutputLedger(0, 0), canary);
    pace = new GuestPace(timing, limits);
    boolean waits = startPolicy == StartPolicy.WAIT_FOR_BACKUP;
    phase = waits ? PrimaryPhase.STARTING : PrimaryPhase.NOT_PROTECTED;
    reason = NotProtectedReason.NEED_BACKUP;
    epoch = startEpoch;
    lastEpoch = startEpoch;
  }

  /** A primary that goes on where its backup core went live. */
  public PrimaryCore(
      Takeover takeover, ReplicaInstance self, Timing timing, Limits limits, OutputCommit commit) {
    this(takeover, self, timing, limits, commit, Canary.NONE);
  }

  PrimaryCore(
      Takeover takeover,
      ReplicaInstance self,
      Timing timing,
      Limits limits,
      OutputCommit commit,
      Canary canary) {
    super(
        takeover.vm(),
        self,
        timing,
        limits,
        commit,
        StartPolicy.START_ALONE,
        new OutputLedger(takeover.outputs(), takeover.resendAfter()),
        canary);
    pace = new GuestPace(timing, limits);
    phase = PrimaryPhase.NOT_PROTECTED;
    reason =
        takeover.handedOver()
            ? NotProtectedReason.NEED_BACKUP
            : takeover.diverged()
                ? NotProtectedReason.PRIMARY_LOST_DIVERGED
                : NotProtectedReason.PRIMARY_LOST;
    epoch = takeover.epoch();
    lastEpoch = takeover.epoch();
    lastSequence = takeover.sequence();
    endSequence = takeover.guestEnded() ? takeover.sequence() : 0;
  }

  /** Must be called once, before the first {@link #step}. */
  public List<PrimaryEffect> begin(long now) {
    lastStepNanos = now;
    announce();
    if (phase == PrimaryPhase.NOT_PROTECTED) {
      guestStarted = true;
      releaseAll();
    }
    return finishStep(now);
  }

  /**
   * Takes one input.
   *
   * @param now the host's monotonic clock, nanoseconds; never goes back
   * @return what is to be done, in order
   */
  public List<PrimaryEffect> step(long now, PrimaryInput input) {
    discountOwnPause(now);
    // Timeouts come first: after a long freeze, a message that waited in the queue must not make
    // this replica speak before it has found out where it stands.
    expire(now);
    switch (phase) {
      case STARTING, NOT_PROTECTED -> alone(now, input);
      case TRANSFERRING -> transferring(now, input);
      case ARMING -> arming(now, input);
      case PROTECTED -> inSync(now, input);
      case RESYNCHRONISING -> resynchronising(now, input);
      case HANDING_OVER -> {
        operator.paused(input);
        inSync(now, input);
        operator.takeBackIfLate(now);
      }
      case HANDED_OVER -> operator.handedOver(now, input);
      case ARBITRATING -> arbitrating(input);
      case FENCED -> {}
      case ENDED -> ended(now, input);
    }
    if (phase != PrimaryPhase.FENCED && phase != PrimaryPhase.ENDED) {
      always(now, input);
    }
    return finishStep(now);
  }

  /** When {@link PrimaryInput.Tick} is wanted at the latest, by the same clock. */
  public long nextTickNanos() {
    long next =
        lastStepNanos + Math.min(timing.heartbeatIntervalNanos(), timing.markIntervalNanos());
    return switch (phase) {
      case TRANSFERRING, ARMING, PROTECTED, RESYNCHRONISING, HANDING_OVER, HANDED_OVER ->
          stream == null ? next : Math.min(next, stream.nextSendNanos(mark));
      // No mark is sent: to wait until the last one's time, which stays behind, would be not to
      // wait.
      case STARTING, NOT_PROTECTED, ARBITRATING, FENCED, ENDED -> next;
    };
  }

  /** How far the backup's replay is behind, milliseconds; 0 without a backup. */
  public long lagMillis(long now) {
    return peer == null ? 0 : lagNanos(peer, now) / 1_000_000;
  }

  /** How far the backup's replay is behind, records; 0 without a backup. */
  public long lagRecords() {
    return peer == null || !peer.takesRecords() ? 0 : lastSequence - peer.replayedThrough;
  }

  private long ownLagNanos(BackupPeer backup, long now) {
    return backup.ownLagNanos(lagNanos(backup, now));
  }

  private long lagNanos(BackupPeer backup, long now) {
    return Math.max(
        lagMeter.lagNanos(backup.replayedPosition, now),
        recordLagMeter.lagNanos(Position.running(backup.replayedThrough), now));
  }

  /** How much of its time the guest was made to sleep for the lag's sake lately, percent. */
  public int throttlePercent() {
    return pace.usualPercent();
  }

  /** Outputs produced, released and really left so far, in this order. */
  public OutputCounts outputCounts() {
    return new OutputCounts(outputs.produced(), outputs.released(), outputs.left());
  }

  // ---- one method a phase

  private void alone(long now, PrimaryInput input) {
    if (input instanceof PrimaryInput.Received(Message.JoinRequest request)) {
      if (endSequence != 0) {
        defer(request, "the guest has ended");
        return;
      }
      if (!orders.wantsBackup()) {
        defer(request, "an operator wants no backup");
        return;
      }
      lastEpoch++;
      peer = new BackupPeer(request.backup(), lastEpoch, now, limits);
      healing.reset();
      stream = new BackupStream(timing, limits, self, peer, healing, now);
      enter(PrimaryPhase.TRANSFERRING);
      effects.add(new PrimaryEffect.TakeCheckpoint(lastEpoch));
    }
  }

  private void transferring(long now, PrimaryInput input) {
    BackupPeer backup = backup();
    switch (input) {
      case PrimaryInput.Received(Message.JoinRequest request) -> {
        if (request.backup().equals(backup.instance)) {
          backup.heard(now);
        } else {
          defer(request, "another backup is joining");
        }
      }
      case PrimaryInput.CheckpointTaken taken
          when taken.epoch() == backup.epoch && taken.round() == 0 -> {
        backup.accepted =
            new Message.JoinAccepted(
                backup.epoch,
                vm,
                self,
                backup.instance,
                lastSequence,
                taken.chunkCount(),
                outputs.produced(),
                commit);
        backup.chunks.end(taken.chunkCount());
        backup.window = new SendWindow(lastSequence + 1);
        backup.replayedThrough = lastSequence;
        backup.lastProgressNanos = now;
        lagMeter.reset();
        recordLagMeter.reset();
        send(backup.accepted);
      }
      case PrimaryInput.CheckpointFailed failed when failed.epoch() == backup.epoch ->
          abandonJoin(NotProtectedReason.JOIN_FAILED);
      case PrimaryInput.Received(Message.BackupReport report)
          when canary.hears(backup.epoch, report.epoch()) -> {
        heardReport(backup, report, now);
        if (phase == PrimaryPhase.TRANSFERRING
            && backup.takesRecords()
            && closeEnough(backup, now)) {
          arm(backup);
        }
      }
      case PrimaryInput.Received(Message.BackupLeaving leaving)
          when canary.hears(backup.epoch, leaving.epoch()) ->
          abandonJoin(NotProtectedReason.JOIN_FAILED);
      default -> {}
    }
  }

  private void arming(long now, PrimaryInput input) {
    inSync(now, input);
    if (phase == PrimaryPhase.ARMING && backup().stage.compareTo(BackupStage.FOLLOWING) >= 0) {
      protect();
    }
  }

  private void resynchronising(long now, PrimaryInput input) {
    switch (input) {
      case PrimaryInput.CheckpointTaken taken
          when taken.epoch() == epoch && taken.round() == healing.round() -> {
        backup().lastProgressNanos = now;
        backup().lastChunkNanos = now;
        send(healing.taken(taken, lastSequence, outputs.produced()));
      }
      case PrimaryInput.CheckpointFailed failed
          when failed.epoch() == epoch && failed.round() == healing.round() ->
          suspect(now, NotProtectedReason.DIVERGENCE);
      default -> inSync(now, input);
    }
  }

  private void diverged(long now, Message.Diverged message) {
    if (!healing.diverged(now, message, effects)) {
      return;
    }
    guestStarted = true;
    // A checkpoint that was planned takes nothing from the protection.
    reason = message.what().planned() ? null : NotProtectedReason.DIVERGENCE;
    if (phase == PrimaryPhase.HANDING_OVER) {
      takeBack("the backup has diverged, or stands for a planned checkpoint");
    }
    enter(PrimaryPhase.RESYNCHRONISING);
  }

  /** What the phases share in which a backup is in sync: only the arbiter may part the two. */
  private void inSync(long now, PrimaryInput input) {
    BackupPeer backup = backup();
    switch (input) {
      case PrimaryInput.Received(Message.BackupReport report)
          when canary.hears(backup.epoch, report.epoch()) ->
          heardReport(backup, report, now);
      case PrimaryInput.Received(Message.Diverged message)
          when canary.hears(backup.epoch, message.epoch()) ->
          diverged(now, message);
      case PrimaryInput.Received(Message.BackupLeaving leaving)
          when canary.hears(backup.epoch, leaving.epoch()) ->
          suspect(
              now,
              leaving.reason() == BackupLoss.DIVERGED
                  ? NotProtectedReason.DIVERGENCE
                  : NotProtectedReason.BACKUP_LEFT);
      case PrimaryInput.Received(Message.JoinRequest request)
          when !request.backup().equals(backup.instance) ->
          defer(request, "protected by another backup");
      case PrimaryInput.LinkLost() -> {
        backup.linkLost = true;
        backup.linkLostNanos = now;
      }
      case PrimaryInput.LinkUp() -> {
        backup.linkLost = false;
        backup.openWindow().rewind();
      }
      default -> {}
    }
  }

  private void arbitrating(PrimaryInput input) {
    switch (input) {
      case PrimaryInput.DecisionKnown known when known.name().equals(decision()) -> {
        if (known.winner().equals(self)) {
          goOnAlone();
        } else {
          fence();
        }
      }
      case PrimaryInput.Received(Message.TookOver message)
          when orders.is(OperatorOrder.FAILOVER) && canary.hears(epoch, message.epoch()) ->
          fence();
      case PrimaryInput.Received(Message.JoinRequest request) ->
          defer(request, "the last backup is being arbitrated");
      default -> {}
    }
  }

  private void ended(long now, PrimaryInput input) {
    if (peer != null
        && input instanceof PrimaryInput.Received(Message.BackupReport report)
        && report.epoch() == peer.epoch) {
      peer.heard(now);
      peer.stage = report.stage();
    }
  }

  /** What is the same in every phase in which the guest may run. */
  private void always(long now, PrimaryInput input) {
    switch (input) {
      case PrimaryInput.Recorded recorded -> record(recorded);
      case PrimaryInput.GuestEnded end -> {
        append(RecordKind.END, end.position(), end.payload());
        endSequence = lastSequence;
        mark = new ProgressMark(lastSequence, end.position(), end.payload());
      }
      case PrimaryInput.Progress progress -> {
        mark = new ProgressMark(lastSequence, progress.position(), progress.point());
        lagMeter.primaryAt(progress.position(), now);
      }
      case PrimaryInput.OutputsLeft left -> outputs.leftThrough(left.throughOutput());
      case PrimaryInput.CheckpointTaken taken -> {
        boolean ofRound = taken.round() == 0 || taken.round() == healing.round();
        if (peer == null || peer.epoch != taken.epoch() || !ofRound) {
          effects.add(new PrimaryEffect.DiscardCheckpoint(taken.epoch(), taken.round()));
        }
      }
      case PrimaryInput.Ordered(OperatorOrder order) -> operator.ordered(now, order);
      case PrimaryInput.GuestPaused() -> {
        if (phase != PrimaryPhase.HANDING_OVER) {
          effects.add(new PrimaryEffect.ResumeGuest());
        }
      }
      case PrimaryInput.Tick() -> flush(now);
      case PrimaryInput.Received ignored -> {}
      case PrimaryInput.CheckpointGrew grew -> checkpointGrew(now, grew);
      case PrimaryInput.CheckpointFailed ignored -> {}
      case PrimaryInput.DecisionKnown ignored -> {}
      case PrimaryInput.LinkUp() -> {}
      case PrimaryInput.LinkLost() -> {}
    }
  }

  // ---- outputs

  private void record(PrimaryInput.Recorded recorded) {
    if (recorded.kind() == RecordKind.END) {
      throw new IllegalStateException("the guest's end comes as GuestEnded");
    }
    if (endSequence != 0) {
      throw new IllegalStateException(
          "the machine recorded something after the guest's end at record " + endSequence);
    }
    boolean output = recorded.kind() == RecordKind.OUTPUT;
    if (!output || canary.recordsOutputs()) {
      append(recorded.kind(), recorded.position(), recorded.payload());
    }
    if (output) {
      outputs.produce(lastSequence);
      if (!gated()) {
        releaseAll();
      }
    }
  }

  private void append(RecordKind kind, Position position, Payload payload) {
    lastSequence++;
    // The record says itself how far the guest has come.
    mark = null;
    if (peer != null && peer.window != null && phase != PrimaryPhase.ARBITRATING) {
      peer.window.add(new LogRecord(lastSequence, kind, position, payload));
      recordLagMeter.primaryAt(Position.running(lastSequence), lastStepNanos);
    }
  }

  private void releaseAcknowledged(long now) {
    if (!inSync()) {
      return;
    }
    BackupPeer backup = backup();
    if (now >= backup.leaseEndNanos) {
      return;
    }
    boolean news =
        outputs.releaseThrough(
            canary.waitsForMatch()
                ? backup.committedThrough(commit)
                : backup.openWindow().acknowledgedThrough());
    tellReleased(news, backup.leaseEndNanos);
  }

  // ---- joining

  /** The machine in the checkpoint no longer holds the outputs it produced before: they must have left before that backup may take over. */
  private boolean closeEnough(BackupPeer backup, long now) {
    return backup.accepted != null
        && outputs.left() >= backup.accepted.outputsBefore()
        && backup.openWindow().size() <= limits.armLagRecords()
        && ownLagNanos(backup, now) <= limits.maxLagNanos();
  }

  private void arm(BackupPeer backup) {
    epoch = backup.epoch;
    backup.protectAfter = lastSequence;
    backup.lastAckNanos = lastStepNanos;
    effects.add(new PrimaryEffect.DiscardCheckpoint(backup.epoch, 0));
    enter(PrimaryPhase.ARMING);
    send(new Message.Protect(epoch, backup.protectAfter));
  }

  private void heardReport(BackupPeer backup, Message.BackupReport report, long now) {
    if (report.receivedThrough() > lastSequence
        || report.replayedThrough() > lastSequence
        || report.echoedNanos() > now
        || backup.contradicts(report)
        || healing.contradicts(report)) {
      // It claims to hold what was never sent: whatever it is, it is not a backup of this VM.
      if (phase == PrimaryPhase.TRANSFERRING) {
        abandonJoin(NotProtectedReason.JOIN_FAILED);
      } else {
        suspect(now, NotProtectedReason.PROTOCOL_ERROR);
      }
      return;
    }
    boolean alive = backup.update(report, now);
    if (backup.renewLease(now, report.echoedNanos(), timing) || alive) {
      // A copy of an old report is no sign of life.
      backup.heard(now);
    }
    if (healing.progressed(report)) {
      backup.lastProgressNanos = now;
      backup.lastChunkNanos = now;
    }
    if (phase == PrimaryPhase.RESYNCHRONISING && healing.healed(report)) {
      effects.add(new PrimaryEffect.Healed(epoch, healing.round()));
      effects.add(new PrimaryEffect.DiscardCheckpoint(epoch, healing.round()));
      protect();
    }
  }

  // ---- losing the backup

  /** A replica that did not run cannot have heard anything: its own pause is not the backup's silence. */
  private void discountOwnPause(long now) {
    long pause = now - lastStepNanos - 2 * timing.heartbeatIntervalNanos();
    if (pause > 0 && peer != null) {
      peer.discount(pause);
    }
    lastStepNanos = now;
  }

  private void expire(long now) {
    if (peer == null) {
      return;
    }
    if (phase == PrimaryPhase.TRANSFERRING) {
      if (peer.isSilent(now, timing) || peer.isStuck(now, timing)) {
        abandonJoin(NotProtectedReason.JOIN_FAILED);
      }
    } else if (inSync()) {
      NotProtectedReason fault = peer.fault(now, timing, commit, healing, outputs.nextCommit());
      if (fault != null) {
        suspect(now, fault);
      }
    }
  }

  // ---- sending

  private void flush(long now) {
    if (phase == PrimaryPhase.ARBITRATING) {
      if (now - lastClaimNanos >= timing.arbiterRetryNanos()) {
        claim(now);
      }
      return;
    }
    if (stream != null) {
      long unreplayed = commit == OutputCommit.MATCHED ? lagRecords() : 0;
      stream.flush(now, phase, outputs.left(), unreplayed, mark, effects);
    }
  }

  // ---- the end of a step

  private List<PrimaryEffect> finishStep(long now) {
    releaseAcknowledged(now);
    operator.handOverIfReady(now);
    operator.expire(now);
    lookAtRate(now);
    finishIfDone(now);
    setPace(now);
    List<PrimaryEffect> done = effects;
    effects = new ArrayList<>();
    return done;
  }

  private void finishIfDone(long now) {
    if (phase == PrimaryPhase.TRANSFERRING && endSequence != 0) {
      abandonJoin(NotProtectedReason.JOIN_FAILED);
    }
    boolean mayEnd = phase == PrimaryPhase.NOT_PROTECTED || phase == PrimaryPhase.PROTECTED;
    if (mayEnd && endSequence != 0 && outputs.pending() == 0 && everythingAcknowledged()) {
      endedNanos = now;
      enter(PrimaryPhase.ENDED);
    }
    if (phase != PrimaryPhase.ENDED || finished) {
      return;
    }
    if (peer == null
        || peer.stage == BackupStage.FINISHED
        || peer.isSilent(now, timing)
        || now - endedNanos >= timing.joinProgressNanos()) {
      finished = true;
      effects.add(new PrimaryEffect.Finish());
    } else if (stream != null && stream.heartbeatDue(now)) {
      send(new Message.GuestFinished(peer.epoch, endSequence));
    }
  }

  private boolean everythingAcknowledged() {
    return phase == PrimaryPhase.NOT_PROTECTED || backup().openWindow().size() == 0;
  }

  private void lookAtRate(long now) {
    boolean frequent = healing.isFrequent(now);
    if (frequent != degraded) {
      degraded = frequent;
      announce();
    }
  }

  private void setPace(long now) {
    boolean mayRun = guestStarted && endSequence == 0 && phase != PrimaryPhase.FENCED;
    BackupPeer streamed = phase == PrimaryPhase.ARBITRATING ? null : peer;
    pace.bound(mayRun, outputs.pending(), streamed, lagRecords(), effects);
    if (streamed != null && streamed.takesRecords()) {
      if (pace.isLookDue(now) && phase == PrimaryPhase.TRANSFERRING) {
        pace.letCatchUp(now, ownLagNanos(streamed, now), effects);
      } else if (pace.isLookDue(now)) {
        pace.slow(now, ownLagNanos(streamed, now), effects);
      }
    } else {
      pace.fullSpeed(effects);
    }
  }
}
