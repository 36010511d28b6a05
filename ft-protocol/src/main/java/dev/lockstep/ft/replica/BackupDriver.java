package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.core.BackupCore;
import dev.lockstep.ft.core.BackupEffect;
import dev.lockstep.ft.core.BackupInput;
import dev.lockstep.ft.core.BackupLoss;
import dev.lockstep.ft.core.BackupPhase;
import dev.lockstep.ft.core.BackupStatus;
import dev.lockstep.ft.core.Divergence;
import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.NotProtectedReason;
import dev.lockstep.ft.core.OperatorOrder;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.core.Takeover;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Refusal;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.DivergenceException;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** A replica that is a backup: one attempt to join, follow, and take over. A lost one is followed by a fresh one. */
final class BackupDriver implements Driver {
  private static final long REJOIN_NANOS = 300_000_000;

  /** The core's inputs that come from workers name the attempt they belong to. */
  private record Applied(BackupDriver attempt, long epoch, Staging.Restored restored) {}

  private record MachineDiverged(BackupDriver attempt, DivergenceException why) {}

  private record DivergenceKnown(BackupDriver attempt, Divergence what, Payload written) {}

  private record Resynchronised(
      BackupDriver attempt, BackupEffect.Resynchronise effect, boolean fits) {}

  private record ApplyFailed(BackupDriver attempt, BackupLoss reason, String detail) {}

  private record Stands(BackupDriver attempt) {}

  private record Advanced(BackupDriver attempt) {}

  private record Decision(BackupDriver attempt, BackupInput.DecisionKnown known) {}

  private final Host host;
  private final ReplicaInstance self;
  private final BackupCore core;
  private final PlannedCheckpoints planned;
  private final AtomicBoolean advanceTold = new AtomicBoolean();
  private @Nullable ReplicaInstance primary;
  private @Nullable Staging staging;
  private @Nullable Machine machine;
  private @Nullable HeldOutputs gate;
  private @Nullable BackupSource following;
  private @Nullable WrittenSince since;
  private @Nullable LogHeader header;
  private @Nullable DivergenceKnown early;
  private long checkpointSequence;
  private long outputsBefore;
  private @Nullable MachineEnd machineEnd;
  private boolean applying;
  private boolean finished;
  private boolean leaving;
  private long lostNanos = -1;
  private long logRecords;
  private long logBytes;

  BackupDriver(Host host, ReplicaInstance self) {
    this.host = host;
    this.self = self;
    core = new BackupCore(self, host.settings.timing(), host.settings.following());
    planned = PlannedCheckpoints.of(host.settings.freeRunning());
  }

  @Override
  public void begin(long now) {
    perform(now, core.begin(now));
  }

  @Override
  public void input(long now, Object input) {
    switch (input) {
      case BackupInput mine -> step(now, mine);
      case Applied applied when applied.attempt() == this -> applied(now, applied);
      case Applied stale -> stale.restored().machine().close();
      case MachineDiverged diverged when diverged.attempt() == this ->
          diverged(now, diverged.why());
      case Stands stands when stands.attempt() == this ->
          collect(PlannedCheckpoints.standing(source().replayed()));
      case DivergenceKnown known when known.attempt() == this -> {
        if (core.isDiverged()) {
          // It has followed on and diverged again before this thread has heard that it is healed.
          early = known;
        } else {
          step(now, source().replayed());
          step(now, new BackupInput.Diverged(known.what(), known.written()));
        }
      }
      case Resynchronised done when done.attempt() == this -> resynchronised(now, done);
      case ApplyFailed failed when failed.attempt() == this -> {
        applying = false; // else no other attempt would follow this one
        step(now, new BackupInput.Failed(failed.reason(), failed.detail()));
      }
      case Advanced advanced when advanced.attempt() == this -> {
        advanceTold.set(false);
        BackupSource source = following;
        // While it differs, the source is perhaps that of the machine it is to become.
        if (source != null && !core.isDiverged()) {
          step(now, source.replayed());
        }
      }
      case Decision decision when decision.attempt() == this -> step(now, decision.known());
      default -> {}
    }
  }

  private void step(long now, BackupInput input) {
    perform(now, core.step(now, input));
  }

  @Override
  public void message(long now, ReplicaInstance from, Message message) {
    switch (message) {
      case Message.JoinAccepted it when it.backup().equals(self) -> primary = it.primary();
      case Message.CheckpointBegun it when it.backup().equals(self) -> primary = it.primary();
      default -> {}
    }
    if (message instanceof Message.ToBackup toBackup) {
      step(now, new BackupInput.Received(toBackup));
    }
  }

  @Override
  public void linkUp(long now, PeerIdentity peer) {
    boolean another = primary != null && !primary.equals(peer.instance());
    step(now, another ? new BackupInput.LinkRefused() : new BackupInput.LinkUp());
  }

  @Override
  public void linkLost(long now, ReplicaInstance peer) {
    step(now, new BackupInput.LinkLost());
  }

  @Override
  public void linkRefused(long now) {
    step(now, new BackupInput.LinkRefused());
  }

  @Override
  public void peerRefused(long now, Refusal refusal) {
    if (core.status().phase() == BackupPhase.CONNECTING && Refusals.isFinal(refusal)) {
      throw Refusals.failure(refusal);
    }
    if (refusal.getReason() == Refusal.Reason.NOT_PRIMARY) {
      // Whoever listens there now, it is not the primary that this backup follows.
      step(now, new BackupInput.LinkRefused());
    }
  }

  @Override
  public void tick(long now) {
    step(now, new BackupInput.Tick());
    boolean follows = core.status().phase() == BackupPhase.FOLLOWING && !core.isDiverged();
    planned.standIfDue(now, follows, machine, () -> host.inbox.put(new Stands(this)));
    if (lostNanos >= 0 && now - lostNanos >= REJOIN_NANOS && !applying) {
      host.become(new BackupDriver(host, Replica.newInstance(host.settings.name())), now);
      host.redial("this replica joins anew");
    }
  }

  @Override
  public long nextTickNanos() {
    return core.nextTickNanos();
  }

  @Override
  public void machineEnded(
      long now, Machine ended, @Nullable MachineEnd end, @Nullable Throwable failure) {
    if (ended != machine) {
      return;
    }
    if (failure == null) {
      machineEnd = end;
      finishIfDone();
      return;
    }
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    BackupLoss reason =
        cause instanceof DivergenceException ? BackupLoss.DIVERGED : BackupLoss.HOST_FAILED;
    step(now, new BackupInput.Failed(reason, String.valueOf(cause.getMessage())));
  }

  @Override
  public void stop(long now) {
    leaving = true;
    step(now, new BackupInput.Failed(BackupLoss.STOPPED, "a user asked for it"));
    host.finish(new ReplicaEnd(ReplicaEnd.Outcome.LEFT, null));
  }

  @Override
  public void order(long now, OperatorOrder order, CompletableFuture<Void> done) {
    done.completeExceptionally(
        Orders.failure(
            order,
            "this replica is a backup, "
                + core.status().phase().name().toLowerCase(Locale.ROOT).replace('_', ' ')));
  }

  @Override
  public ReplicaStatus status(long now) {
    BackupStatus status = core.status();
    BackupLoss loss = status.loss();
    return new ReplicaStatus(
        ReplicaStatus.Role.BACKUP,
        status.phase().name(),
        status.epoch(),
        ReplicaStatus.Protection.of(status.phase(), core.differs()),
        loss == null ? core.differs() ? NotProtectedReason.DIVERGENCE.name() : null : loss.name(),
        0,
        core.receivedThrough() - core.replayedThrough(),
        0,
        logRecords,
        logBytes,
        0,
        core.divergences(),
        0,
        0,
        host.protocolVersion());
  }

  @Override
  public @Nullable Machine machine() {
    return machine;
  }

  @Override
  public ReplicaInstance instance() {
    return self;
  }

  // ---- effects

  private void perform(long now, List<BackupEffect> effects) {
    effects.forEach(effect -> perform(now, effect));
    if (following != null && effects.stream().anyMatch(BackupEffect::addsToReplay)) {
      following.tellMachine();
    }
  }

  private void perform(long now, BackupEffect effect) {
    switch (effect) {
      case BackupEffect.Send send -> host.send(send.message());
      case BackupEffect.BeginStaging ignored -> beginStaging(now);
      case BackupEffect.Stage stage -> stage(now, stage);
      case BackupEffect.ApplyCheckpoint apply -> apply(apply);
      case BackupEffect.Resynchronise apply -> resynchronise(now, apply);
      case BackupEffect.Replay replay -> replay(now, replay.records());
      case BackupEffect.ReplayUpTo upTo -> read(now, () -> source().mark(upTo.mark().point()));
      case BackupEffect.ForgetOutputs forget -> {
        if (gate != null) {
          gate.forget(forget.throughOutput());
        }
      }
      case BackupEffect.Claim claim ->
          host.claim(
              claim.name(),
              self,
              winner ->
                  host.inbox.put(
                      new Decision(this, new BackupInput.DecisionKnown(claim.name(), winner))));
      case BackupEffect.FinishReplay ignored -> {
        source().finish();
        advanced();
      }
      case BackupEffect.GoLive goLive -> goLive(now, goLive.takeover());
      case BackupEffect.StatusChanged changed -> statusChanged(now, changed.status());
      case BackupEffect.Abandon abandon -> abandon(now, abandon);
      case BackupEffect.Finish() -> {
        finished = true;
        finishIfDone();
      }
    }
  }

  private void statusChanged(long now, BackupStatus status) {
    switch (status.phase()) {
      case FOLLOWING -> host.mark(DiskMarker.State.IN_SYNC, status.epoch());
      case LIVE -> host.markNow(DiskMarker.State.LIVE, status.epoch());
      case LOST -> {
        if (applying || machine != null) {
          host.mark(DiskMarker.State.STALE, status.epoch());
        }
      }
      // Whoever waits for the guest goes before whoever takes a snapshot.
      case ARBITRATING, GOING_LIVE -> host.holds.resume(machine, Holds.Holder.SNAPSHOT);
      case CONNECTING, JOINING, ENDED -> {}
    }
    host.changed(status(now));
  }

  private void beginStaging(long now) {
    discardStaging();
    try {
      staging = Staging.begin(host);
    } catch (IOException e) {
      hostFailed(now, "the checkpoint cannot be kept: " + e.getMessage());
    }
  }

  private void stage(long now, BackupEffect.Stage stage) {
    try {
      if (staging != null) {
        staging.append(stage.data());
      }
    } catch (IOException e) {
      hostFailed(now, "the checkpoint cannot be kept: " + e.getMessage());
    }
  }

  private void apply(BackupEffect.ApplyCheckpoint apply) {
    Staging file = staging;
    if (file == null) {
      return;
    }
    checkpointSequence = apply.checkpointSequence();
    outputsBefore = apply.outputsBefore();
    applying = true;
    // From here until it is in sync the disk is neither the old one nor the primary's.
    host.mark(DiskMarker.State.STALE, apply.epoch())
        .thenRun(() -> host.work(() -> restore(file, apply.epoch())));
  }

  /** On a worker. */
  private void restore(Staging file, long epoch) {
    try {
      host.inbox.put(new Applied(this, epoch, file.restore(host.source, epoch)));
    } catch (Staging.UnusableException e) {
      failed(e.reason(), String.valueOf(e.getMessage()));
    }
  }

  private void failed(BackupLoss reason, String detail) {
    host.inbox.put(new ApplyFailed(this, reason, detail));
  }

  private void applied(long now, Applied applied) {
    applying = false;
    if (core.status().phase() != BackupPhase.JOINING) {
      applied.restored().machine().close();
      return;
    }
    discardStaging();
    Staging.Restored restored = applied.restored();
    host.outside.begin();
    BackupSource source =
        following(restored.header(), restored.stand(), checkpointSequence, outputsBefore);
    HeldOutputs outputs =
        new HeldOutputs(
            outputsBefore,
            restored.outputs().tail(),
            host.outside,
            PrimaryDriver.left(host),
            host.commitLatency);
    header = restored.header();
    since = restored.since();
    following = source;
    gate = outputs;
    machine = restored.machine();
    host.watch(restored.machine());
    restored
        .machine()
        .follow(source, outputs, why -> host.inbox.put(new MachineDiverged(this, why)));
    step(now, new BackupInput.CheckpointApplied(applied.epoch(), restored.position()));
  }

  /** The machine stands where its replay differs. What it has written is asked before anybody is told. */
  private void diverged(long now, DivergenceException why) {
    if (machine != null) {
      Divergence what = Moments.divergence(why, source().replayed());
      host.note("this backup's replay differs: " + what);
      collect(what);
    }
  }

  private void collect(Divergence what) {
    Machine standing = machine;
    WrittenSince written = since;
    if (standing == null || written == null) {
      return;
    }
    standing
        .atBoundary(boundary -> {
          written.collect(boundary);
          return written.all().encode();
        })
        .whenComplete((known, failure) -> {
          if (failure == null) {
            host.inbox.put(new DivergenceKnown(this, what, known));
          } else {
            failed(BackupLoss.DIVERGED, what.toString());
          }
        });
  }

  private void resynchronise(long now, BackupEffect.Resynchronise effect) {
    Staging file = staging;
    Machine standing = machine;
    WrittenSince written = since;
    LogHeader start = header;
    HeldOutputs outputs = gate;
    if (file == null || standing == null || written == null || start == null || outputs == null) {
      throw new IllegalStateException("a resynchronisation without a machine or a checkpoint");
    }
    BackupSource next;
    try {
      next = following(start, file.stand(), effect.checkpointSequence(), effect.outputsBefore());
    } catch (IOException e) {
      hostFailed(now, "the resynchronisation cannot be read: " + e.getMessage());
      return;
    }
    next.takeOver(source(), effect.checkpointSequence());
    following = next;
    host.work(() -> {
      try {
        boolean fits = file.resynchronise(standing, next, written, outputs, effect.outputsBefore());
        host.inbox.put(new Resynchronised(this, effect, fits));
      } catch (Staging.UnusableException e) {
        failed(e.reason(), String.valueOf(e.getMessage()));
      }
    });
  }

  private void resynchronised(long now, Resynchronised done) {
    discardStaging();
    BackupEffect.Resynchronise effect = done.effect();
    if (done.fits()) {
      planned.equal();
      host.note("this backup is the primary's equal again");
      step(
          now,
          new BackupInput.Resynchronised(
              effect.epoch(), effect.round(), source().replayed().position()));
      step(now, source().replayed());
      DivergenceKnown again = early;
      early = null;
      if (again != null) {
        input(now, again);
      }
    } else {
      host.note("the two differ in more than was written: the primary is asked for everything");
      step(now, new BackupInput.ResynchronisationUnfit(effect.epoch(), effect.round()));
    }
  }

  /** The replay has advanced: told once until it is looked at. Any thread. */
  private void advanced() {
    if (advanceTold.compareAndSet(false, true)) {
      host.inbox.put(new Advanced(this));
    }
  }

  private void replay(long now, List<LogRecord> records) {
    for (LogRecord next : records) {
      logRecords++;
      logBytes += next.payload().length();
      if (!read(now, () -> source().add(next))) {
        return;
      }
    }
  }

  private interface Reading {
    void read() throws LogFormatException;
  }

  private boolean read(long now, Reading reading) {
    try {
      reading.read();
      return true;
    } catch (LogFormatException e) {
      hostFailed(now, "the primary's log cannot be read: " + e.getMessage());
      return false;
    }
  }

  private void hostFailed(long now, String detail) {
    step(now, new BackupInput.Failed(BackupLoss.HOST_FAILED, detail));
  }

  /** The log behind a checkpoint. */
  private BackupSource following(
      LogHeader start, CheckpointFile.Stand stand, long sequence, long outputs) {
    return BackupSource.behind(host.settings, start, stand, sequence, outputs, this::advanced);
  }

  private BackupSource source() {
    if (following == null) {
      throw new IllegalStateException("no machine follows");
    }
    return following;
  }

  private void goLive(long now, Takeover takeover) {
    Machine live = machine;
    HeldOutputs outputs = gate;
    if (live == null || outputs == null) {
      throw new IllegalStateException("live without a machine");
    }
    WrittenSince written = since;
    if (written != null) {
      live.atBoundary(written::end);
    }
    machine = null;
    gate = null;
    following = null;
    PrimaryDriver next = PrimaryDriver.takeOver(host, takeover, self, live, outputs);
    host.become(next, now);
    if (machineEnd != null) {
      next.machineEnded(now, live, machineEnd, null);
    }
  }

  private void abandon(long now, BackupEffect.Abandon abandon) {
    dropMachine();
    host.note("this backup is lost (%s): %s".formatted(abandon.reason(), abandon.detail()));
    switch (abandon.reason()) {
      case HOST_FAILED ->
          throw new VmmException(
              "this host cannot be a backup: " + abandon.detail(),
              "See to it, then start the backup again.");
      case STOPPED -> {}
      case PRIMARY_LOST_WHILE_JOINING,
          LOST_ARBITRATION,
          DROPPED_BY_PRIMARY,
          DIVERGED,
          CHECKPOINT_FAILED -> {
        if (!leaving) {
          lostNanos = now;
        }
      }
    }
  }

  private void finishIfDone() {
    // A machine that stands diverged at the very end has no end of its own.
    if (finished && (machineEnd != null || core.isDiverged())) {
      host.finish(new ReplicaEnd(ReplicaEnd.Outcome.GUEST_ENDED, machineEnd));
    }
  }

  private void dropMachine() {
    if (gate != null) {
      gate.close();
    }
    Machine dropped = machine;
    machine = null;
    gate = null;
    following = null;
    if (dropped != null) {
      dropped.close();
    }
    discardStaging();
  }

  private void discardStaging() {
    Staging file = staging;
    staging = null;
    if (file != null) {
      try {
        file.close();
      } catch (IOException e) {
        host.note("a checkpoint's file could not be removed: " + e.getMessage());
      }
    }
  }

  @Override
  public void close() {
    dropMachine();
  }
}
