package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.NotProtectedReason;
import dev.lockstep.ft.core.PrimaryCore;
import dev.lockstep.ft.core.PrimaryEffect;
import dev.lockstep.ft.core.PrimaryInput;
import dev.lockstep.ft.core.PrimaryPhase;
import dev.lockstep.ft.core.PrimaryStatus;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.core.Takeover;
import dev.lockstep.ft.core.VmId;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Refusal;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** A replica that is the primary. */
final class PrimaryDriver implements Driver {
  private static final int FULL_SPEED_PERMILLE = 1_000;

  private final Host host;
  private final ReplicaInstance self;
  private final PrimaryCore core;
  private final Machine machine;
  private final HeldOutputs gate;
  private final RecordingSink sink;
  private final boolean following;
  private @Nullable CheckpointFile checkpoint;
  private long checkpointEpoch;
  private @Nullable MachineEnd machineEnd;
  private boolean started;
  private boolean finished;
  private boolean fenced;
  private int throttlePercent;
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
    sink = new RecordingSink(host.inbox, host.settings.timing().markIntervalNanos());
  }

  /** At power-on. */
  static PrimaryDriver powerOn(
      Host host, VmId vm, ReplicaInstance self, long startEpoch, Machine machine) {
    ReplicaSettings settings = host.settings;
    PrimaryCore core =
        new PrimaryCore(
            vm, self, startEpoch, settings.timing(), settings.limits(), settings.startPolicy());
    HeldOutputs gate = new HeldOutputs(0, List.of(), host.outside, left(host), host.commitLatency);
    host.watch(machine);
    return new PrimaryDriver(host, self, core, machine, gate, false);
  }

  /** After go-live, with the machine and the outputs that the backup has kept. */
  static PrimaryDriver takeOver(
      Host host, Takeover takeover, ReplicaInstance self, Machine machine, HeldOutputs gate) {
    PrimaryCore core =
        new PrimaryCore(takeover, self, host.settings.timing(), host.settings.limits());
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
    if (input instanceof PrimaryInput mine) {
      if (mine instanceof PrimaryInput.Recorded recorded) {
        logRecords++;
        logBytes += recorded.payload().length();
      }
      lastNow = now;
      perform(core.step(now, mine));
    }
  }

  @Override
  public void message(long now, ReplicaInstance from, Message message) {
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
    if (core.status().phase() == PrimaryPhase.STARTING && Replica.isFinal(refusal)) {
      throw Replica.refused(refusal);
    }
    host.note("the other replica is not taken as a backup: " + refusal.getDetail());
  }

  @Override
  public void tick(long now) {
    lastNow = now;
    perform(core.step(now, new PrimaryInput.Tick()));
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
  public ReplicaStatus status(long now) {
    PrimaryStatus status = core.status();
    NotProtectedReason reason = status.reason();
    return new ReplicaStatus(
        ReplicaStatus.Role.PRIMARY,
        status.phase().name(),
        status.epoch(),
        reason == null ? null : reason.name(),
        core.lagMillis(now),
        core.lagRecords(),
        core.outputCounts().produced() - core.outputCounts().left(),
        logRecords,
        logBytes,
        throttlePercent);
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
  }

  private void perform(PrimaryEffect effect) {
    switch (effect) {
      case PrimaryEffect.Send send -> host.send(send.to(), send.message());
      case PrimaryEffect.SendChunk send -> sendChunk(send);
      case PrimaryEffect.TakeCheckpoint take -> takeCheckpoint(take.epoch());
      case PrimaryEffect.DiscardCheckpoint discard -> {
        if (discard.epoch() == checkpointEpoch) {
          discardCheckpoint();
        }
      }
      case PrimaryEffect.Release release -> gate.release(release.throughOutput());
      case PrimaryEffect.Claim claim ->
          host.claim(
              claim.name(),
              self,
              winner -> host.inbox.put(new PrimaryInput.DecisionKnown(claim.name(), winner)));
      case PrimaryEffect.LetGuestRun let -> letGuestRun(let.run());
      case PrimaryEffect.Throttle throttle -> {
        throttlePercent = throttle.percent();
        machine.limitSpeed(FULL_SPEED_PERMILLE - 10 * throttlePercent);
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
    switch (status.phase()) {
      case NOT_PROTECTED, TRANSFERRING, ARMING, PROTECTED, ENDED -> {
        if (started || status.phase() != PrimaryPhase.TRANSFERRING) {
          host.markers.write(DiskMarker.State.LIVE, status.epoch());
        }
      }
      case FENCED -> host.markers.write(DiskMarker.State.STALE, status.epoch());
      case STARTING, ARBITRATING -> {}
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

  private void takeCheckpoint(long epoch) {
    discardCheckpoint();
    CheckpointFile file;
    try {
      file = CheckpointFile.create(host.settings.workFolder());
    } catch (IOException e) {
      host.inbox.put(new PrimaryInput.CheckpointFailed(epoch, String.valueOf(e.getMessage())));
      return;
    }
    checkpoint = file;
    checkpointEpoch = epoch;
    host.work(() -> {
      try {
        new CheckpointTaker(machine, file, gate::tail)
            .take(chunks -> host.inbox.put(new PrimaryInput.CheckpointTaken(epoch, chunks)));
      } catch (IOException | VmmException | InterruptedException e) {
        host.note("the checkpoint for the joining backup failed: " + e.getMessage());
        host.inbox.put(new PrimaryInput.CheckpointFailed(epoch, String.valueOf(e.getMessage())));
      }
    });
  }

  private void sendChunk(PrimaryEffect.SendChunk send) {
    CheckpointFile file = checkpoint;
    if (file == null || checkpointEpoch != send.epoch()) {
      throw new IllegalStateException("chunk of a checkpoint that is gone: " + send);
    }
    try {
      host.send(
          send.to(),
          new Message.CheckpointChunk(send.epoch(), send.index(), file.chunk(send.index())));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void discardCheckpoint() {
    CheckpointFile file = checkpoint;
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

  private void finishIfDone() {
    if (finished && machineEnd != null) {
      host.finish(new ReplicaEnd(ReplicaEnd.Outcome.GUEST_ENDED, machineEnd));
    }
  }

  @Override
  public void close() {
    gate.close();
    sink.close();
    machine.close();
    discardCheckpoint();
  }
}
