package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.Divergence;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.NotProtectedReason;
import dev.lockstep.ft.core.OperatorOrder;
import dev.lockstep.ft.core.PrimaryCore;
import dev.lockstep.ft.core.PrimaryEffect;
import dev.lockstep.ft.core.PrimaryInput;
import dev.lockstep.ft.core.PrimaryPhase;
import dev.lockstep.ft.core.PrimaryStatus;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.core.Takeover;
import dev.lockstep.ft.core.VmId;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.ProtocolVersions;
import dev.lockstep.ft.wire.proto.Refusal;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.Output;
import java.io.IOException;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** A replica that is the primary. */
final class PrimaryDriver implements Driver {
  private static final int FULL_SPEED_PERMILLE = 1_000;

  /** How much of an output that differs is told. */
  private static final int MAX_EXCERPT_BYTES = 64;

  private final Host host;
  private final ReplicaInstance self;
  private final PrimaryCore core;
  private final Machine machine;
  private final HeldOutputs gate;
  private final RecordingSink sink;
  private final FailingDisk disk;
  private final boolean following;
  private @Nullable OutgoingCheckpoint checkpoint;
  private final Orders orders = new Orders();
  private volatile @Nullable WrittenSince since;
  private volatile int checkpointPermille = FULL_SPEED_PERMILLE;
  private long lastPauseMicros;
  private @Nullable MachineEnd machineEnd;
  private boolean started;
  private boolean finished;
  private boolean fenced;
  private @Nullable BackupDriver successor;
  private volatile int throttlePercent;
  private long lastNow;
  private long logRecords;
  private long logBytes;

  private PrimaryDriver(
      Host host,
      ReplicaInstance self,
      PrimaryCore core,
      Machine machine,
      HeldOutputs gate,
      boolean following) {
    this.host = host;
    this.self = self;
    this.core = core;
    this.machine = machine;
    this.gate = gate;
    this.following = following;
    disk = new FailingDisk(host);
    sink =
        new RecordingSink(
            host.inbox,
            host.settings.timing().closeMarkNanos(),
            host.settings.timing().markIntervalNanos(),
            gate::isFull,
            disk::keepsWaiting,
            host.settings.freeRunning() != null);
  }

  /** A checkpoint was taken. */
  private record Paused(PrimaryDriver by, CheckpointPause pause) {}

  /** At power-on. */
  static PrimaryDriver powerOn(
      Host host, VmId vm, ReplicaInstance self, long startEpoch, Machine machine) {
    ReplicaSettings settings = host.settings;
    PrimaryCore core =
        new PrimaryCore(
            vm,
            self,
            startEpoch,
            settings.timing(),
            settings.limits(),
            settings.commit(),
            settings.startPolicy());
    HeldOutputs gate = new HeldOutputs(0, List.of(), host.outside, left(host), host.commitLatency);
    host.watch(machine);
    return new PrimaryDriver(host, self, core, machine, gate, false);
  }

  /** After go-live, with the machine and the outputs that the backup has kept. */
  static PrimaryDriver takeOver(
      Host host, Takeover takeover, ReplicaInstance self, Machine machine, HeldOutputs gate) {
    PrimaryCore core =
        new PrimaryCore(
            takeover, self, host.settings.timing(), host.settings.limits(), host.settings.commit());
    return new PrimaryDriver(host, self, core, machine, gate, true);
  }

  /** How a gate tells that outputs have left. */
  static LongConsumer left(Host host) {
    return through -> host.inbox.put(new PrimaryInput.OutputsLeft(through));
  }

  @Override
  public void begin(long now) {
    lastNow = now;
    perform(core.begin(now));
  }

  @Override
  public void input(long now, Object input) {
    if (input instanceof Paused paused && paused.by() == this) {
      if (started) {
        lastPauseMicros = paused.pause().nanos() / 1_000;
        host.note(paused.pause().toString());
      }
    }
    if (input instanceof FailingDisk.Failed failed && failed.of() == disk) {
      host.note(failed.what());
    }
    if (input instanceof PrimaryInput mine) {
      if (mine instanceof PrimaryInput.Recorded recorded) {
        logRecords++;
        logBytes += recorded.payload().length();
      }
      lastNow = now;
      perform(core.step(now, mine));
      OutgoingCheckpoint taken = checkpoint;
      if (taken != null) {
        taken.acknowledged(core.chunksAcknowledged());
      }
    }
  }

  @Override
  public void message(long now, ReplicaInstance from, Message message) {
    if (message instanceof Message.BackupLeaving leaving) {
      host.note("the backup leaves (%s): %s".formatted(leaving.reason(), leaving.detail()));
    }
    if (message instanceof Message.ToPrimary toPrimary) {
      input(now, new PrimaryInput.Received(toPrimary));
    }
  }

  @Override
  public void linkUp(long now, PeerIdentity peer) {
    input(now, new PrimaryInput.LinkUp());
  }

  @Override
  public void linkLost(long now, ReplicaInstance peer) {
    input(now, new PrimaryInput.LinkLost());
  }

  @Override
  public void linkRefused(long now) {
    // A primary dials only to invite.
  }

  @Override
  public void peerRefused(long now, Refusal refusal) {
    if (core.status().phase() == PrimaryPhase.STARTING && Refusals.isFinal(refusal)) {
      throw Refusals.failure(refusal);
    }
    host.note("the other replica is not taken as a backup: " + refusal.getDetail());
  }

  @Override
  public void tick(long now) {
    lastNow = now;
    perform(core.step(now, new PrimaryInput.Tick()));
    if (disk.wantsMove(core.status().phase())) {
      order(now, OperatorOrder.FAILOVER, disk.move());
    }
  }

  @Override
  public long nextTickNanos() {
    return core.nextTickNanos();
  }

  @Override
  public void machineEnded(
      long now, Machine ended, @Nullable MachineEnd end, @Nullable Throwable failure) {
    if (ended != machine || fenced) {
      return;
    }
    if (failure != null) {
      throw rethrown(failure);
    }
    machineEnd = end;
    finishIfDone();
  }

  static RuntimeException rethrown(Throwable failure) {
    return switch (failure) {
      case CompletionException it when it.getCause() != null -> rethrown(it.getCause());
      case RuntimeException it -> it;
      case Error it -> throw it;
      default -> new IllegalStateException(failure);
    };
  }

  @Override
  public void stop(long now) {
    if (started) {
      machine.stop();
    } else {
      host.finish(new ReplicaEnd(ReplicaEnd.Outcome.LEFT, null));
    }
  }

  @Override
  public void order(long now, OperatorOrder order, CompletableFuture<Void> done) {
    orders.add(order, done);
    input(now, new PrimaryInput.Ordered(order));
  }

  @Override
  public ReplicaStatus status(long now) {
    PrimaryStatus status = core.status();
    NotProtectedReason reason = status.reason();
    return new ReplicaStatus(
        ReplicaStatus.Role.PRIMARY,
        status.phase().name(),
        status.epoch(),
        ReplicaStatus.Protection.of(status, core.throttlePercent()),
        reason == null ? null : reason.name(),
        core.lagMillis(now),
        core.lagRecords(),
        core.outputCounts().produced() - core.outputCounts().left(),
        logRecords,
        logBytes,
        core.throttlePercent(),
        status.divergences(),
        status.resynchronisations(),
        lastPauseMicros,
        host.protocolVersion());
  }

  @Override
  public Machine machine() {
    return machine;
  }

  @Override
  public ReplicaInstance instance() {
    return self;
  }

  // ---- effects

  private void perform(List<PrimaryEffect> effects) {
    for (PrimaryEffect effect : effects) {
      perform(effect);
    }
    // Whoever waits for an order's end finds the status that it has led to.
    for (PrimaryEffect effect : effects) {
      // One that has handed over first becomes what it is to be.
      if (effect instanceof PrimaryEffect.OrderEnded ended && successor == null) {
        orders.end(ended.order(), ended.failure());
      }
    }
    BackupDriver next = successor;
    if (next != null) {
      successor = null;
      host.become(next, lastNow);
      orders.end(OperatorOrder.FAILOVER, null);
      orders.fail("the VM has moved");
    }
  }

  private void perform(PrimaryEffect effect) {
    switch (effect) {
      case PrimaryEffect.Send send -> host.send(send.to(), send.message());
      case PrimaryEffect.SendChunk send -> sendChunk(send);
      case PrimaryEffect.TakeCheckpoint take -> takeWhole(take.epoch());
      case PrimaryEffect.TakeResynchronisation take -> takeDifferences(take);
      case PrimaryEffect.ReportDivergence report -> reportDivergence(report);
      case PrimaryEffect.Healed healed -> {
        WrittenSince written = since;
        if (written != null) {
          written.equalAtMark();
        }
        host.note(
            "the backup is made equal again (divergence %d of epoch %d)"
                .formatted(healed.round(), healed.epoch()));
      }
      case PrimaryEffect.PauseGuest() -> pauseGuest();
      case PrimaryEffect.ResumeGuest() -> host.holds.resume(machine, Holds.Holder.HAND_OVER);
      case PrimaryEffect.HandedOver() -> handedOver();
      case PrimaryEffect.OrderEnded ignored -> {
        // Last of all.
      }
      case PrimaryEffect.DiscardCheckpoint discard -> {
        if (checkpoint != null && checkpoint.isOf(discard.epoch(), discard.round())) {
          discardCheckpoint();
        }
      }
      case PrimaryEffect.Release release ->
          gate.release(release.throughOutput(), host.systemNanos(release.untilNanos()));
      case PrimaryEffect.Claim claim ->
          host.claim(
              claim.name(),
              self,
              winner -> host.inbox.put(new PrimaryInput.DecisionKnown(claim.name(), winner)));
      case PrimaryEffect.LetGuestRun let -> letGuestRun(let.run());
      case PrimaryEffect.Throttle throttle -> {
        throttlePercent = throttle.percent();
        applySpeed();
      }
      case PrimaryEffect.StatusChanged changed -> statusChanged(changed.status());
      case PrimaryEffect.Fence() -> fence();
      case PrimaryEffect.Finish() -> {
        finished = true;
        finishIfDone();
      }
    }
  }

  private void statusChanged(PrimaryStatus status) {
    sink.letPromise(
        (status.phase() == PrimaryPhase.ARMING || status.phase() == PrimaryPhase.PROTECTED)
            && host.protocolVersion() >= ProtocolVersions.PROMISES);
    switch (status.phase()) {
      case NOT_PROTECTED, TRANSFERRING, ARMING, PROTECTED, RESYNCHRONISING, ENDED -> {
        if (started || status.phase() != PrimaryPhase.TRANSFERRING) {
          host.mark(DiskMarker.State.LIVE, status.epoch());
        }
      }
      case FENCED -> host.mark(DiskMarker.State.STALE, status.epoch());
      case STARTING, HANDING_OVER, HANDED_OVER, ARBITRATING -> {}
    }
    host.changed(status(lastNow));
  }

  private void letGuestRun(boolean run) {
    sink.letRun(run);
    if (run && !started) {
      started = true;
      if (following) {
        machine
            .goLive(sink, core.status().epoch())
            .whenComplete((done, failure) -> {
              if (failure != null) {
                host.inbox.put(new Replica.Failed(failure));
              }
            });
      } else {
        machine.start(sink, gate, core.status().epoch());
      }
    }
  }

  /** Takes a checkpoint into a file, on a worker, and says how long the guest stood still for it. */
  private interface Taking {
    CheckpointPause take(CheckpointTaker taker)
        throws IOException, InterruptedException, OutgoingCheckpoint.AbandonedException;
  }

  private void takeWhole(long epoch) {
    WrittenSince before = since;
    since = null;
    if (before != null) {
      machine.atBoundary(before::end);
    }
    take(
        epoch,
        0,
        taker -> {
          CheckpointTaker.Whole whole = taker.whole();
          since = whole.since();
          return whole.pause();
        });
  }

  private void takeDifferences(PrimaryEffect.TakeResynchronisation wanted) {
    take(
        wanted.epoch(),
        wanted.round(),
        taker -> {
          WrittenSince written = since;
          if (written == null) {
            throw new IOException("the backup has diverged before its join was over");
          }
          return taker.differences(written, wanted.written(), wanted.everything());
        });
  }

  private void take(long epoch, int round, Taking taking) {
    discardCheckpoint();
    OutgoingCheckpoint begun;
    try {
      begun =
          OutgoingCheckpoint.create(
              host.settings.workFolder(),
              epoch,
              round,
              CheckpointFile.Layout.of(host.protocolVersion()),
              host.inbox::put);
    } catch (IOException e) {
      checkpointFailed(epoch, round, e);
      return;
    }
    checkpoint = begun;
    CheckpointTaker taker =
        new CheckpointTaker(
            machine,
            begun,
            gate,
            host.maxPauseMillis,
            permille -> {
              checkpointPermille = permille;
              applySpeed();
            });
    host.work(() -> {
      try {
        host.inbox.put(new Paused(this, taking.take(taker)));
      } catch (OutgoingCheckpoint.AbandonedException e) {
        // Whoever has abandoned it knows why.
      } catch (IOException | RuntimeException | InterruptedException e) {
        checkpointFailed(epoch, round, e);
      }
    });
  }

  private void checkpointFailed(long epoch, int round, Exception e) {
    host.note("the checkpoint for the backup failed: " + e.getMessage());
    host.inbox.put(new PrimaryInput.CheckpointFailed(epoch, round, String.valueOf(e.getMessage())));
  }

  /** The slower of what the lag and a checkpoint on its way want. Any thread. */
  private void applySpeed() {
    machine.limitSpeed(Math.min(checkpointPermille, FULL_SPEED_PERMILLE - 10 * throttlePercent));
  }

  private void reportDivergence(PrimaryEffect.ReportDivergence report) {
    Divergence what = report.what();
    Output mine = what.output() == 0 ? null : gate.held(what.output());
    String bytes = "";
    if (mine != null) {
      int shown = Math.min(mine.bytes().length, MAX_EXCERPT_BYTES);
      bytes =
          "; the primary's output %d is %s%s"
              .formatted(
                  what.output(),
                  HexFormat.of().formatHex(mine.bytes(), 0, shown),
                  shown < mine.bytes().length ? "…" : "");
    }
    host.note(
        "divergence %d of epoch %d: %s%s".formatted(report.round(), report.epoch(), what, bytes));
  }

  private void pauseGuest() {
    host.holds
        .pause(machine, Holds.Holder.HAND_OVER)
        .whenComplete((done, failure) -> {
          if (failure == null) {
            host.inbox.put(new PrimaryInput.GuestPaused());
          }
        });
  }

  private void sendChunk(PrimaryEffect.SendChunk send) {
    OutgoingCheckpoint file = checkpoint;
    if (file == null || !file.isOf(send.epoch(), send.round())) {
      throw new IllegalStateException("chunk of a checkpoint that is gone: " + send);
    }
    try {
      host.send(
          send.to(),
          new Message.CheckpointChunk(
              send.epoch(), send.round(), send.index(), file.chunk(send.index())));
    } catch (IOException e) {
      checkpointFailed(send.epoch(), send.round(), e);
    }
  }

  private void discardCheckpoint() {
    OutgoingCheckpoint file = checkpoint;
    checkpoint = null;
    if (file != null) {
      try {
        file.close();
      } catch (IOException e) {
        host.note("a checkpoint's file could not be removed: " + e.getMessage());
      }
    }
  }

  private void fence() {
    fenced = true;
    gate.close();
    sink.close();
    machine.kill();
    host.finish(new ReplicaEnd(ReplicaEnd.Outcome.FENCED, null));
  }

  /** The guest goes on at the backup. This replica becomes one, as soon as its machine has let go of its disks. */
  private void handedOver() {
    fenced = true;
    gate.close();
    sink.close();
    machine.close();
    discardCheckpoint();
    String failure = disk.failure();
    if (failure != null) {
      host.inbox.put(new Replica.Failed(FailingDisk.movedAway(failure)));
      orders.end(OperatorOrder.FAILOVER, null);
      return;
    }
    host.note("the VM has moved to the other replica; this one may become its backup");
    successor = new BackupDriver(host, Replica.newInstance(host.settings.name()));
  }

  private void finishIfDone() {
    if (finished && machineEnd != null) {
      host.finish(new ReplicaEnd(ReplicaEnd.Outcome.GUEST_ENDED, machineEnd));
    }
  }

  @Override
  public void close() {
    orders.fail("this replica has come to its end");
    gate.close();
    sink.close();
    machine.close();
    discardCheckpoint();
  }
}
