package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.core.BackupCore;
import dev.lockstep.ft.core.BackupEffect;
import dev.lockstep.ft.core.BackupInput;
import dev.lockstep.ft.core.BackupLoss;
import dev.lockstep.ft.core.BackupPhase;
import dev.lockstep.ft.core.BackupStatus;
import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.Position;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.core.Takeover;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Refusal;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.Boundary;
import dev.lockstep.vmm.machine.DivergenceException;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineMode;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.DataInputStream;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** A replica that is a backup: one attempt to join, follow, and take over. A lost one is followed by a fresh one. */
final class BackupDriver implements Driver {
  private static final long REJOIN_NANOS = 300_000_000;

  /** The core's inputs that come from workers name the attempt they belong to. */
  private record Applied(BackupDriver attempt, long epoch, Machine machine, Standing standing) {}

  private record ApplyFailed(BackupDriver attempt, BackupLoss reason, String detail) {}

  private record Advanced(BackupDriver attempt) {}

  private record Decision(BackupDriver attempt, BackupInput.DecisionKnown known) {}

  /** Where a restored machine stands. */
  private record Standing(
      LogHeader header, long firstSequence, Position position, List<StreamPiece> outputs) {}

  private final Host host;
  private final ReplicaInstance self;
  private final BackupCore core;
  private final AtomicBoolean advanceTold = new AtomicBoolean();
  private @Nullable ReplicaInstance primary;
  private @Nullable CheckpointFile staging;
  private @Nullable Machine machine;
  private @Nullable HeldOutputs gate;
  private @Nullable FollowingSource following;
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
    core = new BackupCore(self, host.settings.timing());
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
      case Applied stale -> stale.machine().close();
      case ApplyFailed failed when failed.attempt() == this ->
          step(now, new BackupInput.Failed(failed.reason(), failed.detail()));
      case Advanced advanced when advanced.attempt() == this -> {
        advanceTold.set(false);
        FollowingSource source = following;
        if (source != null) {
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
    if (message instanceof Message.JoinAccepted accepted && accepted.backup().equals(self)) {
      primary = accepted.primary();
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
    if (core.status().phase() == BackupPhase.CONNECTING && Replica.isFinal(refusal)) {
      throw Replica.refused(refusal);
    }
    if (refusal.getReason() == Refusal.Reason.NOT_PRIMARY) {
      // Whoever listens there now, it is not the primary that this backup follows.
      step(now, new BackupInput.LinkRefused());
    }
  }

  @Override
  public void tick(long now) {
    step(now, new BackupInput.Tick());
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
  public ReplicaStatus status(long now) {
    BackupStatus status = core.status();
    BackupLoss loss = status.loss();
    return new ReplicaStatus(
        ReplicaStatus.Role.BACKUP,
        status.phase().name(),
        status.epoch(),
        loss == null ? null : loss.name(),
        0,
        core.receivedThrough() - core.replayedThrough(),
        0,
        logRecords,
        logBytes,
        0);
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
    for (BackupEffect effect : effects) {
      perform(now, effect);
    }
  }

  private void perform(long now, BackupEffect effect) {
    switch (effect) {
      case BackupEffect.Send send -> host.send(send.message());
      case BackupEffect.BeginStaging ignored -> beginStaging(now);
      case BackupEffect.Stage stage -> stage(now, stage);
      case BackupEffect.ApplyCheckpoint apply -> apply(apply);
      case BackupEffect.Replay replay -> replay(now, replay.records());
      case BackupEffect.ReplayUpTo upTo -> {
        if (decoded(now, () -> Moments.decode(upTo.mark().point()))
            instanceof LogEntry.ProgressMark mark) {
          source().mark(mark);
        }
      }
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
      case FOLLOWING -> host.markers.write(DiskMarker.State.IN_SYNC, status.epoch());
      case LIVE -> host.markers.write(DiskMarker.State.LIVE, status.epoch());
      case LOST -> {
        if (applying || machine != null) {
          host.markers.write(DiskMarker.State.STALE, status.epoch());
        }
      }
      case CONNECTING, JOINING, ARBITRATING, GOING_LIVE, ENDED -> {}
    }
    host.changed(status(now));
  }

  private void beginStaging(long now) {
    try {
      staging = CheckpointFile.create(host.settings.workFolder());
    } catch (IOException e) {
      hostFailed(now, "the checkpoint cannot be kept: " + e.getMessage());
    }
  }

  private void stage(long now, BackupEffect.Stage stage) {
    CheckpointFile file = staging;
    if (file == null) {
      return;
    }
    try {
      file.append(stage.data());
    } catch (IOException e) {
      hostFailed(now, "the checkpoint cannot be kept: " + e.getMessage());
    }
  }

  private void apply(BackupEffect.ApplyCheckpoint apply) {
    CheckpointFile file = staging;
    if (file == null) {
      return;
    }
    checkpointSequence = apply.checkpointSequence();
    outputsBefore = apply.outputsBefore();
    applying = true;
    // From here until it is in sync the disk is neither the old one nor the primary's.
    host.markers.write(DiskMarker.State.STALE, apply.epoch());
    host.work(() -> restore(file, apply.epoch()));
  }

  /** On a worker. */
  private void restore(CheckpointFile file, long epoch) {
    try (DataInputStream in = file.read()) {
      long firstSequence = in.readLong();
      List<StreamPiece> outputs = file.outputs(in.readLong());
      CheckpointReader reader = new CheckpointReader(in);
      Machine restored = host.source.restore(reader);
      Position position = Moments.position(restored.atBoundary(Boundary::moment).get());
      LogHeader header = withEpoch(reader.header(), epoch);
      host.inbox.put(
          new Applied(
              this, epoch, restored, new Standing(header, firstSequence, position, outputs)));
    } catch (IOException e) {
      failed(BackupLoss.CHECKPOINT_FAILED, "the checkpoint is damaged: " + e.getMessage());
    } catch (VmmException | IllegalStateException e) {
      failed(BackupLoss.HOST_FAILED, String.valueOf(e.getMessage()));
    } catch (ExecutionException | InterruptedException e) {
      failed(BackupLoss.HOST_FAILED, "the restored machine cannot be looked at: " + e);
    }
  }

  private void failed(BackupLoss reason, String detail) {
    host.inbox.put(new ApplyFailed(this, reason, detail));
  }

  private static LogHeader withEpoch(LogHeader header, long epoch) {
    return new LogHeader(
        header.vm(),
        epoch,
        header.engine(),
        header.cpuModel(),
        header.cpuModelDigest(),
        header.semantics(),
        header.configuration(),
        header.devices(),
        header.disks(),
        header.start(),
        header.startNanos(),
        header.wallClockNanos(),
        header.initial());
  }

  private void applied(long now, Applied applied) {
    applying = false;
    if (core.status().phase() != BackupPhase.JOINING) {
      applied.machine().close();
      return;
    }
    discardStaging();
    Standing standing = applied.standing();
    FollowingSource source =
        new FollowingSource(
            standing.header(),
            standing.firstSequence(),
            checkpointSequence,
            standing.position(),
            outputsBefore,
            this::advanced);
    HeldOutputs outputs =
        new HeldOutputs(
            outputsBefore,
            standing.outputs(),
            host.outside,
            PrimaryDriver.left(host),
            host.commitLatency);
    following = source;
    gate = outputs;
    machine = applied.machine();
    host.watch(applied.machine());
    applied.machine().follow(source, outputs, MachineMode.FOLLOW);
    step(now, new BackupInput.CheckpointApplied(applied.epoch(), standing.position()));
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
      LogEntry entry = decoded(now, () -> Moments.decode(next.payload()));
      if (entry == null) {
        return;
      }
      source().add(next.sequence(), entry);
    }
  }

  private interface Decoding {
    LogEntry decode() throws LogFormatException;
  }

  private @Nullable LogEntry decoded(long now, Decoding decoding) {
    try {
      return decoding.decode();
    } catch (LogFormatException e) {
      hostFailed(now, "the primary's log cannot be read: " + e.getMessage());
      return null;
    }
  }

  private void hostFailed(long now, String detail) {
    step(now, new BackupInput.Failed(BackupLoss.HOST_FAILED, detail));
  }

  private FollowingSource source() {
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
    if (finished && machineEnd != null) {
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
    CheckpointFile file = staging;
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
