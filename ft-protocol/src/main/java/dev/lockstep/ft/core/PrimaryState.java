package dev.lockstep.ft.core;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the parts of a primary share: where it stands, what it knows of its backup, and what it wants done in this step. */
abstract class PrimaryState {
  final VmId vm;
  final ReplicaInstance self;
  final Timing timing;
  final Limits limits;
  final OutputCommit commit;
  final StartPolicy startPolicy;
  final Canary canary;

  final OutputLedger outputs;
  final PrimaryHealing healing;
  final OrderDesk orders = new OrderDesk();
  List<PrimaryEffect> effects = new ArrayList<>();

  PrimaryPhase phase;
  @Nullable NotProtectedReason reason;
  long epoch;
  long lastEpoch;
  long lastSequence;
  long endSequence;
  @Nullable ProgressMark mark;
  @Nullable BackupPeer peer;
  @Nullable BackupStream stream;

  boolean guestStarted;
  boolean guestPaused;
  long handedOverNanos;
  boolean degraded;
  long lastClaimNanos;

  /** Until when outputs may leave, as was said last. */
  private long releasedUntilNanos;

  PrimaryState(
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
    healing = new PrimaryHealing(limits);
    phase = PrimaryPhase.STARTING;
  }

  /** As its operator sees it. */
  public PrimaryStatus status() {
    NotProtectedReason why =
        reason == null && degraded && inSync() ? NotProtectedReason.DIVERGENCE : reason;
    return new PrimaryStatus(
        phase, epoch, why, healing.divergences(), healing.resynchronisations(), degraded);
  }

  /** How many chunks of the checkpoint on its way the backup has. */
  public int chunksAcknowledged() {
    ChunkFlow flow = chunks();
    return flow == null ? 0 : flow.acknowledged();
  }

  boolean gated() {
    return switch (phase) {
      case ARMING, PROTECTED, RESYNCHRONISING, HANDING_OVER, HANDED_OVER, ARBITRATING -> true;
      case STARTING, NOT_PROTECTED, TRANSFERRING, FENCED, ENDED -> false;
    };
  }

  /** Whether outputs leave as the backup lets them. */
  boolean inSync() {
    return switch (phase) {
      case ARMING, PROTECTED, RESYNCHRONISING, HANDING_OVER -> true;
      case STARTING, NOT_PROTECTED, TRANSFERRING, HANDED_OVER, ARBITRATING, FENCED, ENDED -> false;
    };
  }

  void releaseAll() {
    tellReleased(outputs.releaseAll(), PrimaryEffect.Release.FOR_EVER);
  }

  /** Says what may leave, if that is news, or if it has not left and until when it may has changed. */
  void tellReleased(boolean news, long untilNanos) {
    if (news || outputs.left() < outputs.released() && untilNanos != releasedUntilNanos) {
      releasedUntilNanos = untilNanos;
      effects.add(new PrimaryEffect.Release(outputs.released(), untilNanos));
    }
  }

  void defer(Message.JoinRequest request, String why) {
    effects.add(
        new PrimaryEffect.Send(request.backup(), new Message.JoinDeferred(request.backup(), why)));
  }

  void suspect(long now, NotProtectedReason why) {
    reason = why;
    enter(PrimaryPhase.ARBITRATING);
    claim(now);
  }

  void claim(long now) {
    lastClaimNanos = now;
    effects.add(new PrimaryEffect.Claim(decision()));
  }

  DecisionName decision() {
    return new DecisionName(vm, epoch);
  }

  void goOnAlone() {
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

  void forgetPeer() {
    peer = null;
    stream = null;
  }

  void send(Message.ToBackup message) {
    effects.add(new PrimaryEffect.Send(backup().instance, message));
  }

  void enter(PrimaryPhase next) {
    phase = next;
    announce();
  }

  void announce() {
    effects.add(new PrimaryEffect.StatusChanged(status()));
  }

  BackupPeer backup() {
    if (peer == null) {
      throw new IllegalStateException("no backup in phase " + phase);
    }
    return peer;
  }

  /** The other replica is the primary: wanted, or not. */
  void fence() {
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

  void endOrders(@Nullable String failure) {
    OperatorOrder order = orders.current();
    if (order != null) {
      orders.end(order, failure, effects);
    }
  }

  void protect() {
    reason = null;
    guestStarted = true;
    enter(PrimaryPhase.PROTECTED);
    orders.end(OperatorOrder.PROTECT, null, effects);
  }

  void takeBack(String why) {
    effects.add(new PrimaryEffect.ResumeGuest());
    guestPaused = false;
    orders.end(OperatorOrder.FAILOVER, why, effects);
  }

  private @Nullable ChunkFlow chunks() {
    return switch (phase) {
      case TRANSFERRING -> backup().chunks;
      case RESYNCHRONISING -> healing.chunks();
      default -> null;
    };
  }

  /** More of the checkpoint on its way may be sent; the backup hears first that it comes. */
  void checkpointGrew(long now, PrimaryInput.CheckpointGrew grew) {
    ChunkFlow flow = chunks();
    int round = phase == PrimaryPhase.RESYNCHRONISING ? healing.round() : 0;
    if (flow == null || backup().epoch != grew.epoch() || round != grew.round()) {
      return;
    }
    boolean first = flow.count() == 0;
    flow.grow(grew.chunkCount());
    backup().lastProgressNanos = now;
    if (first) {
      send(backup().begun(self, round));
    }
  }

  void abandonJoin(NotProtectedReason why) {
    BackupPeer backup = backup();
    send(new Message.BackupDropped(backup.epoch));
    effects.add(new PrimaryEffect.DiscardCheckpoint(backup.epoch, 0));
    forgetPeer();
    reason = why;
    enter(guestStarted ? PrimaryPhase.NOT_PROTECTED : PrimaryPhase.STARTING);
  }
}
