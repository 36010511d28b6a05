package dev.lockstep.ft.core;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

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
public final class PrimaryCore {
  private final VmId vm;
  private final ReplicaInstance self;
  private final Timing timing;
  private final Limits limits;
  private final OutputCommit commit;
  private final StartPolicy startPolicy;
  private final Canary canary;

  private final LagMeter lagMeter = new LagMeter();
  private final GuestPace pace;
  private final OutputLedger outputs;
  private final PrimaryHealing healing;
  private final OrderDesk orders = new OrderDesk();
  private List<PrimaryEffect> effects = new ArrayList<>();

  private PrimaryPhase phase;
  private @Nullable NotProtectedReason reason;
  private long epoch;
  private long lastEpoch;
  private long lastSequence;
  private long endSequence;
  private @Nullable ProgressMark mark;
  private @Nullable BackupPeer peer;
  private @Nullable BackupStream stream;

  private boolean guestStarted;
  private boolean finished;
  private boolean guestPaused;
  private long handedOverNanos;
  private boolean degraded;
  private long lastStepNanos;
  private long lastClaimNanos;
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
    this(vm, self, timing, limits, commit, startPolicy, new OutputLedger(0, 0), canary);
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
    this(
        takeover.vm(),
        self,
        timing,
        limits,
        commit,
        StartPolicy.START_ALONE,
        new OutputLedger(takeover.outputs(), takeover.resendAfter()),
        canary);
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

  private PrimaryCore(
      VmId vm,
      ReplicaInstance self,
      Timing timing,
      Limits limits,
      OutputCommit commit,
      StartPolicy startPolicy,
      OutputLedger outputs,
      Canary canary) {
    this.vm = vm;
    this.self = self;
    this.timing = timing;
    this.limits = limits;
    this.commit = commit;
    this.startPolicy = startPolicy;
    this.outputs = outputs;
    this.canary = canary;
    pace = new GuestPace(timing, limits);
    healing = new PrimaryHealing(limits);
    phase = PrimaryPhase.STARTING;
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
      case HANDING_OVER -> handingOver(now, input);
      case HANDED_OVER -> handedOver(now, input);
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
    return lastStepNanos + Math.min(timing.heartbeatIntervalNanos(), timing.markIntervalNanos());
  }

  public PrimaryStatus status() {
    return new PrimaryStatus(
        phase, epoch, reason, healing.divergences(), healing.resynchronisations(), degraded);
  }

  /** How far the backup's replay is behind, milliseconds; 0 without a backup. */
  public long lagMillis(long now) {
    return peer == null ? 0 : lagMeter.lagNanos(peer.replayedPosition, now) / 1_000_000;
  }

  /** How far the backup's replay is behind, records; 0 without a backup. */
  public long lagRecords() {
    return peer == null || !peer.takesRecords() ? 0 : lastSequence - peer.replayedThrough;
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
      peer = new BackupPeer(request.backup(), lastEpoch, now);
      healing.reset();
      stream = new BackupStream(timing, limits, peer, healing, now);
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
        backup.chunks = new ChunkFlow(taken.chunkCount(), limits.chunkWindow());
        backup.window = new SendWindow(lastSequence + 1);
        backup.replayedThrough = lastSequence;
        backup.lastProgressNanos = now;
        lagMeter.reset();
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

  private void protect() {
    reason = null;
    guestStarted = true;
    enter(PrimaryPhase.PROTECTED);
    orders.end(OperatorOrder.PROTECT, null, effects);
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

  /** The guest stands still, or is about to. Until the backup is told, everything can be taken back. */
  private void handingOver(long now, PrimaryInput input) {
    if (input instanceof PrimaryInput.GuestPaused) {
      guestPaused = true;
    }
    inSync(now, input);
    if (phase == PrimaryPhase.HANDING_OVER
        && (endSequence != 0 || orders.ageNanos(now) >= 2 * timing.ackTimeoutNanos())) {
      takeBack(endSequence != 0 ? "the guest has ended" : "the backup did not get ready in time");
      enter(PrimaryPhase.PROTECTED);
    }
  }

  private void takeBack(String why) {
    effects.add(new PrimaryEffect.ResumeGuest());
    guestPaused = false;
    orders.end(OperatorOrder.FAILOVER, why, effects);
  }

  private void handOverIfReady(long now) {
    if (phase == PrimaryPhase.HANDING_OVER
        && guestPaused
        && outputs.pending() == 0
        && backup().openWindow().size() == 0
        && backup().replayedThrough >= lastSequence) {
      handedOverNanos = now;
      enter(PrimaryPhase.HANDED_OVER);
      send(new Message.HandOver(epoch, lastSequence));
    }
  }

  /** The backup may have asked already: only the arbiter can give the guest back to this replica. */
  private void handedOver(long now, PrimaryInput input) {
    boolean lost = input instanceof PrimaryInput.LinkLost;
    switch (input) {
      case PrimaryInput.Received(Message.TookOver message)
          when canary.hears(epoch, message.epoch()) ->
          fence();
      case PrimaryInput.Tick() -> {
        if (stream != null && stream.heartbeatDue(now)) {
          send(new Message.HandOver(epoch, lastSequence));
        }
      }
      default -> {}
    }
    if (phase == PrimaryPhase.HANDED_OVER
        && (lost || now - handedOverNanos >= timing.backupSilenceNanos())) {
      reason = NotProtectedReason.LOST_CONNECTION;
      if (canary.asksAfterHandOver()) {
        suspect(now, NotProtectedReason.LOST_CONNECTION);
      } else {
        goOnAlone();
      }
    }
  }

  private void diverged(long now, Message.Diverged message) {
    if (!healing.diverged(now, message, effects)) {
      return;
    }
    guestStarted = true;
    reason = NotProtectedReason.DIVERGENCE;
    if (phase == PrimaryPhase.HANDING_OVER) {
      takeBack("the backup has diverged");
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

  /** The other replica is the primary: wanted, or not. */
  private void fence() {
    reason = null;
    enter(PrimaryPhase.FENCED);
    if (orders.is(OperatorOrder.FAILOVER)) {
      effects.add(new PrimaryEffect.HandedOver());
      orders.end(OperatorOrder.FAILOVER, null, effects);
    } else {
      effects.add(new PrimaryEffect.Fence());
      endOrders("the other replica goes on");
    }
  }

  private void endOrders(@Nullable String failure) {
    OperatorOrder order = orders.current();
    if (order != null) {
      orders.end(order, failure, effects);
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
      case PrimaryInput.Ordered(OperatorOrder order) -> ordered(now, order);
      case PrimaryInput.GuestPaused() -> {
        if (phase != PrimaryPhase.HANDING_OVER) {
          effects.add(new PrimaryEffect.ResumeGuest());
        }
      }
      case PrimaryInput.Tick() -> flush(now);
      case PrimaryInput.Received ignored -> {}
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
    if (peer != null && peer.window != null && phase != PrimaryPhase.ARBITRATING) {
      peer.window.add(new LogRecord(lastSequence, kind, position, payload));
    }
  }

  private boolean gated() {
    return switch (phase) {
      case ARMING, PROTECTED, RESYNCHRONISING, HANDING_OVER, HANDED_OVER, ARBITRATING -> true;
      case STARTING, NOT_PROTECTED, TRANSFERRING, FENCED, ENDED -> false;
    };
  }

  /** Whether outputs leave as the backup lets them. */
  private boolean inSync() {
    return switch (phase) {
      case ARMING, PROTECTED, RESYNCHRONISING, HANDING_OVER -> true;
      case STARTING, NOT_PROTECTED, TRANSFERRING, HANDED_OVER, ARBITRATING, FENCED, ENDED -> false;
    };
  }

  private void releaseAcknowledged(long now) {
    if (!inSync()) {
      return;
    }
    BackupPeer backup = backup();
    if (now >= backup.leaseEndNanos) {
      return;
    }
    if (outputs.releaseThrough(
        canary.waitsForMatch()
            ? backup.committedThrough(commit)
            : backup.openWindow().acknowledgedThrough())) {
      effects.add(new PrimaryEffect.Release(outputs.released()));
    }
  }

  private void releaseAll() {
    if (outputs.releaseAll()) {
      effects.add(new PrimaryEffect.Release(outputs.released()));
    }
  }

  // ---- joining

  /** The machine in the checkpoint no longer holds the outputs it produced before: they must have left before that backup may take over. */
  private boolean closeEnough(BackupPeer backup, long now) {
    return backup.accepted != null
        && outputs.left() >= backup.accepted.outputsBefore()
        && backup.openWindow().size() <= limits.armLagRecords()
        && lagMeter.lagNanos(backup.replayedPosition, now) <= limits.maxLagMillis() * 1_000_000;
  }

  private void arm(BackupPeer backup) {
    epoch = backup.epoch;
    backup.protectAfter = lastSequence;
    backup.lastAckNanos = lastStepNanos;
    effects.add(new PrimaryEffect.DiscardCheckpoint(backup.epoch, 0));
    enter(PrimaryPhase.ARMING);
    send(new Message.Protect(epoch, backup.protectAfter));
  }

  private void abandonJoin(NotProtectedReason why) {
    BackupPeer backup = backup();
    send(new Message.BackupDropped(backup.epoch));
    effects.add(new PrimaryEffect.DiscardCheckpoint(backup.epoch, 0));
    forgetPeer();
    reason = why;
    enter(guestStarted ? PrimaryPhase.NOT_PROTECTED : PrimaryPhase.STARTING);
  }

  private void defer(Message.JoinRequest request, String why) {
    effects.add(
        new PrimaryEffect.Send(request.backup(), new Message.JoinDeferred(request.backup(), why)));
  }

  private void heardReport(BackupPeer backup, Message.BackupReport report, long now) {
    if (report.receivedThrough() > lastSequence
        || report.replayedThrough() > lastSequence
        || report.echoedNanos() > now
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
    if (backup.renewLease(report.echoedNanos(), timing) || alive) {
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

  // ---- what an operator wants

  private void ordered(long now, OperatorOrder order) {
    OperatorOrder before = orders.current();
    if (before == OperatorOrder.PROTECT && order == OperatorOrder.UNPROTECT) {
      orders.end(before, "an operator has changed his mind", effects);
    } else if (before != null) {
      refuse(order, "the order before, %s, is still being carried out".formatted(words(before)));
      return;
    }
    switch (order) {
      case FAILOVER -> {
        if (phase == PrimaryPhase.PROTECTED && endSequence == 0) {
          orders.begin(order, now);
          enter(PrimaryPhase.HANDING_OVER);
          effects.add(new PrimaryEffect.PauseGuest());
        } else {
          refuseHere(order);
        }
      }
      case UNPROTECT -> unprotect(now);
      case PROTECT -> {
        if (phase == PrimaryPhase.NOT_PROTECTED || phase == PrimaryPhase.STARTING) {
          orders.begin(order, now);
          orders.wantBackup(true);
          if (reason == NotProtectedReason.USER_ACTION) {
            reason = NotProtectedReason.NEED_BACKUP;
          }
          announce();
        } else {
          refuseHere(order);
        }
      }
    }
  }

  private void unprotect(long now) {
    switch (phase) {
      case ARMING, PROTECTED, RESYNCHRONISING -> {
        orders.begin(OperatorOrder.UNPROTECT, now);
        orders.wantBackup(false);
        suspect(now, NotProtectedReason.USER_ACTION);
      }
      case TRANSFERRING, NOT_PROTECTED -> {
        orders.begin(OperatorOrder.UNPROTECT, now);
        orders.wantBackup(false);
        if (phase == PrimaryPhase.TRANSFERRING) {
          abandonJoin(NotProtectedReason.USER_ACTION);
        } else {
          reason = NotProtectedReason.USER_ACTION;
          announce();
        }
        orders.end(OperatorOrder.UNPROTECT, null, effects);
      }
      case STARTING, HANDING_OVER, HANDED_OVER, ARBITRATING, FENCED, ENDED ->
          refuseHere(OperatorOrder.UNPROTECT);
    }
  }

  private void refuseHere(OperatorOrder order) {
    refuse(order, "the VM is " + words(phase));
  }

  private void refuse(OperatorOrder order, String why) {
    effects.add(new PrimaryEffect.OrderEnded(order, why));
  }

  private static String words(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  private void expireOrders(long now) {
    if (orders.is(OperatorOrder.PROTECT)
        && phase != PrimaryPhase.TRANSFERRING
        && phase != PrimaryPhase.ARMING
        && orders.ageNanos(now) >= 3 * timing.joinProgressNanos()) {
      orders.end(OperatorOrder.PROTECT, "no standby has joined yet; one is still welcome", effects);
    }
    boolean frequent = healing.isFrequent(now);
    if (frequent != degraded) {
      degraded = frequent;
      announce();
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

  private void suspect(long now, NotProtectedReason why) {
    reason = why;
    enter(PrimaryPhase.ARBITRATING);
    claim(now);
  }

  private void claim(long now) {
    lastClaimNanos = now;
    effects.add(new PrimaryEffect.Claim(decision()));
  }

  private DecisionName decision() {
    return new DecisionName(vm, epoch);
  }

  private void goOnAlone() {
    send(new Message.BackupDropped(epoch));
    effects.add(new PrimaryEffect.DiscardCheckpoint(epoch, healing.round()));
    forgetPeer();
    lastEpoch++;
    epoch = lastEpoch;
    if (orders.is(OperatorOrder.FAILOVER)) {
      takeBack("the backup was lost");
    }
    orders.end(OperatorOrder.UNPROTECT, null, effects);
    if (!guestStarted && startPolicy == StartPolicy.WAIT_FOR_BACKUP) {
      enter(PrimaryPhase.STARTING);
    } else {
      guestStarted = true;
      enter(PrimaryPhase.NOT_PROTECTED);
      releaseAll();
    }
  }

  private void forgetPeer() {
    peer = null;
    stream = null;
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
      stream.flush(now, phase, outputs.left(), mark, effects);
    }
  }

  private void send(Message.ToBackup message) {
    effects.add(new PrimaryEffect.Send(backup().instance, message));
  }

  // ---- the end of a step

  private List<PrimaryEffect> finishStep(long now) {
    releaseAcknowledged(now);
    handOverIfReady(now);
    expireOrders(now);
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

  private void setPace(long now) {
    boolean mayRun = guestStarted && endSequence == 0 && phase != PrimaryPhase.FENCED;
    BackupPeer streamed = phase == PrimaryPhase.ARBITRATING ? null : peer;
    pace.bound(mayRun, outputs.pending(), streamed, lagRecords(), effects);
    if (streamed != null && streamed.takesRecords()) {
      pace.slow(now, lagMeter.lagNanos(streamed.replayedPosition, now), effects);
    } else {
      pace.fullSpeed(effects);
    }
  }

  private void enter(PrimaryPhase next) {
    phase = next;
    announce();
  }

  private void announce() {
    effects.add(new PrimaryEffect.StatusChanged(status()));
  }

  private BackupPeer backup() {
    if (peer == null) {
      throw new IllegalStateException("no backup in phase " + phase);
    }
    return peer;
  }
}
