package dev.lockstep.ft.sim;

import dev.lockstep.ft.core.BackupCore;
import dev.lockstep.ft.core.BackupEffect;
import dev.lockstep.ft.core.BackupInput;
import dev.lockstep.ft.core.BackupPhase;
import dev.lockstep.ft.core.Build;
import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.Divergence;
import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.ft.core.PrimaryCore;
import dev.lockstep.ft.core.RecordKind;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.core.Takeover;
import java.io.ByteArrayOutputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A process that is the backup: its core, its replaying guest, the outputs it keeps. */
final class SimBackup {
  private static final long SLICE_NANOS = 500_000;
  private static final int STEPS_PER_SLICE = 12;

  private final SimReplica replica;
  private final Simulation simulation;
  private final BackupCore core;
  private final ArrayDeque<LogRecord> queue = new ArrayDeque<>();
  private final ArrayDeque<SimGuest.Output> kept = new ArrayDeque<>();
  private final ArrayDeque<SimGuest.Output> unmatched = new ArrayDeque<>();
  private final ByteArrayOutputStream staged = new ByteArrayOutputStream();
  private @Nullable SimGuest guest;
  private @Nullable SimReplica primary;
  private @Nullable Position markPosition;
  private long replayedThrough;
  private long forgetThrough;
  private long outputsHeld;
  private boolean tickSoon;
  private boolean dead;
  private boolean diverged;

  SimBackup(SimReplica replica, BackupCore core) {
    this.replica = replica;
    this.simulation = replica.simulation;
    this.core = core;
  }

  void begin() {
    perform(core.begin(simulation.now()));
    slice();
    tick();
  }

  BackupPhase phase() {
    return core.status().phase();
  }

  long epoch() {
    return core.status().epoch();
  }

  boolean inSync() {
    return switch (phase()) {
      case FOLLOWING, ARBITRATING, GOING_LIVE, LIVE, ENDED -> true;
      case CONNECTING, JOINING, LOST -> false;
    };
  }

  void received(Message.ToBackup message) {
    switch (message) {
      case Message.JoinAccepted it when it.backup().equals(replica.instance()) ->
          follow(it.primary());
      case Message.CheckpointBegun it when it.backup().equals(replica.instance()) ->
          follow(it.primary());
      default -> {}
    }
    feed(new BackupInput.Received(message));
  }

  private void follow(ReplicaInstance instance) {
    for (SimReplica other : simulation.replicas) {
      if (other.name.equals(instance.name())) {
        primary = other;
      }
    }
  }

  void decisionKnown(DecisionName decision, ReplicaInstance winner) {
    feed(new BackupInput.DecisionKnown(decision, winner));
  }

  /** Whether it may take over although its replay differs. */
  boolean mayTakeOver() {
    return !core.isDiverged() || core.hasMatchedWhatLeft();
  }

  void disturb(Consumer<SimGuest> how) {
    if (guest != null) {
      simulation.disturbed();
      how.accept(guest);
    }
  }

  /** It is time for a checkpoint. */
  void stand() {
    SimGuest standing = guest;
    if (standing != null && !diverged && phase() == BackupPhase.FOLLOWING) {
      diverged = true;
      reportReplay(standing);
      feed(
          new BackupInput.Diverged(
              Divergence.planned(replayedThrough, standing.position().toString()), Payload.EMPTY));
    }
  }

  void linkLost() {
    feed(new BackupInput.LinkLost());
    replica.after(simulation.between(1, 15_000_000), () -> feed(new BackupInput.LinkUp()));
  }

  void refusedBy(SimReplica dead) {
    if (dead == primary) {
      feed(new BackupInput.LinkLost());
      feed(new BackupInput.LinkRefused());
    }
  }

  // ---- time

  private void tick() {
    feed(new BackupInput.Tick());
    replica.afterTick(core.nextTickNanos(), this::tick);
  }

  private void slice() {
    if (guest != null && !diverged) {
      replay(guest);
    }
    replica.after(SLICE_NANOS, this::slice);
  }

  private void replay(SimGuest guest) {
    int budget = (int) (STEPS_PER_SLICE * simulation.faults().slowBackup());
    Position before = guest.position();
    long throughBefore = replayedThrough;
    while (budget > 0 && !diverged) {
      LogRecord next = queue.peek();
      Position target = next == null ? markPosition : next.position();
      if (target != null && target.isAfter(guest.position())) {
        budget--;
        keep(guest.stepToward(target));
      } else if (next != null) {
        String difference = apply(guest, next);
        if (difference != null) {
          diverge(next, difference);
          return;
        }
        queue.remove();
        replayedThrough = next.sequence();
      } else {
        break;
      }
    }
    if (throughBefore != replayedThrough || !before.equals(guest.position())) {
      reportReplay(guest);
    }
  }

  private void reportReplay(SimGuest guest) {
    feed(
        new BackupInput.Replayed(
            replayedThrough, guest.position(), guest.outputs() - unmatched.size()));
  }

  private void diverge(LogRecord at, String difference) {
    if (!simulation.anyDisturbance) {
      simulation.violation(replica.name + " diverges of itself: " + difference);
    }
    diverged = true;
    simulation.note(replica, "diverges: " + difference);
    SimGuest standing = guest;
    if (standing != null) {
      reportReplay(standing);
      Divergence what = new Divergence(at.sequence(), 0, "guest", "", difference, "", "");
      feed(new BackupInput.Diverged(what, Payload.EMPTY));
    }
  }

  private void keep(SimGuest.@Nullable Output output) {
    if (output != null && simulation.build == Build.NO_OUTPUT_ENTRIES) {
      matched(output);
    } else if (output != null) {
      unmatched.add(output);
    }
  }

  private void matched(SimGuest.Output output) {
    if (output.number() > forgetThrough) {
      kept.add(output);
    }
    simulation.matches(core.status().epoch(), output.number());
  }

  /** Lets a record take effect, or compares it; what differs, or null. */
  private @Nullable String apply(SimGuest guest, LogRecord next) {
    if (!guest.position().equals(next.position())) {
      return "at %s, but record %d is at %s"
          .formatted(guest.position(), next.sequence(), next.position());
    }
    Payload payload = next.payload();
    switch (SimGuest.kind(payload)) {
      case VALUE -> guest.input(SimGuest.first(payload));
      case CLOCK -> guest.stepClock(SimGuest.first(payload));
      case OUTPUT -> {
        SimGuest.Output here = unmatched.peek();
        if (here == null
            || here.number() != SimGuest.first(payload)
            || here.streamHash() != SimGuest.second(payload)) {
          return "output %d, but here %s".formatted(SimGuest.first(payload), here);
        }
        unmatched.remove();
        matched(here);
      }
      case END -> {}
    }
    return null;
  }

  private void feed(BackupInput input) {
    if (dead) {
      return;
    }
    perform(core.step(simulation.now(), input));
    if (!tickSoon && !(input instanceof BackupInput.Tick)) {
      tickSoon = true;
      replica.after(
          simulation.between(1_000, 100_000),
          () -> {
            tickSoon = false;
            feed(new BackupInput.Tick());
          });
    }
  }

  // ---- effects

  private void perform(List<BackupEffect> effects) {
    for (BackupEffect effect : effects) {
      if (simulation.diesHere(replica)) {
        dead = true;
        replica.kill();
        return;
      }
      perform(effect);
    }
  }

  private void perform(BackupEffect effect) {
    simulation.note(replica, effect);
    switch (effect) {
      case BackupEffect.Send send -> send(send.message());
      case BackupEffect.BeginStaging ignored -> staged.reset();
      case BackupEffect.Stage stage -> staged.writeBytes(stage.data().bytes());
      case BackupEffect.ApplyCheckpoint apply ->
          replica.after(simulation.between(1_000, 4_000_000), () -> applyCheckpoint(apply));
      case BackupEffect.Resynchronise apply -> {
        // What comes from here on is for the machine that will be equal.
        markPosition = null;
        replica.after(simulation.between(1_000, 4_000_000), () -> look(apply));
      }
      case BackupEffect.Replay replay -> {
        queue.addAll(replay.records());
        for (LogRecord next : replay.records()) {
          outputsHeld += next.kind() == RecordKind.OUTPUT ? 1 : 0;
        }
        simulation.holds(core.status().epoch(), outputsHeld);
      }
      case BackupEffect.ReplayUpTo upTo -> {
        LogRecord last = queue.peekLast();
        if (last != null && !diverged && last.position().isAfter(upTo.mark().position())) {
          simulation.violation("a mark that lies before a record that is held");
        }
        markPosition = upTo.mark().position();
      }
      case BackupEffect.ForgetOutputs forget -> forget(forget.throughOutput());
      case BackupEffect.Claim claim ->
          simulation.arbiter.claim(replica, claim.name(), replica.instance());
      case BackupEffect.FinishReplay ignored -> {
        markPosition = null;
        if (queue.isEmpty() && guest != null) {
          SimGuest replayed = guest;
          replica.after(1, () -> reportReplay(replayed));
        }
      }
      case BackupEffect.GoLive goLive -> goLive(goLive.takeover());
      case BackupEffect.StatusChanged changed -> {
        if (changed.status().phase() == BackupPhase.FOLLOWING) {
          simulation.follows(changed.status().epoch());
        }
      }
      case BackupEffect.Abandon ignored -> replica.restartSoon();
      case BackupEffect.Finish() -> replica.exit();
    }
  }

  private void send(Message.ToPrimary message) {
    for (SimReplica other : simulation.replicas) {
      if (other != replica && (primary == null || primary == other)) {
        simulation.network.send(replica, other, message);
      }
    }
  }

  private void applyCheckpoint(BackupEffect.ApplyCheckpoint apply) {
    byte[] state = state(apply.epoch(), 0);
    SimGuest restored =
        state.length == 0 ? new SimGuest(simulation.guestEndCount) : SimGuest.restore(state);
    guest = restored;
    replayedThrough = apply.checkpointSequence();
    forgetThrough = apply.outputsBefore();
    outputsHeld = apply.outputsBefore();
    if (simulation.build == Build.PRODUCTION && restored.outputs() != outputsHeld) {
      simulation.violation("a checkpoint of another moment was applied");
    }
    feed(new BackupInput.CheckpointApplied(apply.epoch(), restored.position()));
  }

  /** What is staged, if it is that checkpoint from its first chunk to its last. */
  private byte[] state(long epoch, int round) {
    byte[] state = SimCheckpoint.state(staged.toByteArray(), epoch, round);
    if (state == null) {
      simulation.violation("a checkpoint with chunks of another one, or without some of its own");
      return new byte[0];
    }
    return state;
  }

  /** Whether it fits is seen before anything is touched; then it goes into the machine bit by bit. */
  private void look(BackupEffect.Resynchronise apply) {
    SimGuest before = guest;
    if (before == null) {
      simulation.violation("a resynchronisation without a machine");
      return;
    }
    if (simulation.chance(0.15)) {
      feed(new BackupInput.ResynchronisationUnfit(apply.epoch(), apply.round()));
      return;
    }
    guest = SimGuest.restore(before.halfReplacedBy(state(apply.epoch(), apply.round())));
    long most = simulation.chance(0.4) ? 60_000_000 : 4_000_000;
    replica.after(simulation.between(1_000, most), () -> heal(apply));
  }

  private void heal(BackupEffect.Resynchronise apply) {
    byte[] state = state(apply.epoch(), apply.round());
    SimGuest healed = SimGuest.restore(state);
    if (simulation.build == Build.PRODUCTION && healed.outputs() != apply.outputsBefore()) {
      simulation.violation("a resynchronisation of another moment was applied");
    }
    guest = healed;
    diverged = false;
    unmatched.clear();
    while (!queue.isEmpty() && queue.getFirst().sequence() <= apply.checkpointSequence()) {
      queue.removeFirst();
    }
    if (markPosition != null && healed.position().isAfter(markPosition)) {
      simulation.violation("a mark that lies before the checkpoint a machine is made equal by");
    }
    replayedThrough = apply.checkpointSequence();
    long last = kept.isEmpty() ? forgetThrough : kept.getLast().number();
    for (SimGuest.Output output : SimGuest.outputsOf(state)) {
      if (output.number() > last) {
        kept.add(output);
      }
    }
    outputsHeld = Math.max(outputsHeld, apply.outputsBefore());
    simulation.holds(core.status().epoch(), outputsHeld);
    simulation.matches(core.status().epoch(), apply.outputsBefore());
    feed(new BackupInput.Resynchronised(apply.epoch(), apply.round(), healed.position()));
  }

  private void forget(long throughOutput) {
    forgetThrough = Math.max(forgetThrough, throughOutput);
    while (!kept.isEmpty() && kept.getFirst().number() <= forgetThrough) {
      kept.removeFirst();
    }
  }

  private void goLive(Takeover takeover) {
    simulation.statistics.goLives++;
    SimGuest live = guest;
    if (live == null) {
      simulation.violation("live without a machine");
      return;
    }
    List<SimGuest.Output> again = new ArrayList<>();
    for (SimGuest.Output output : kept) {
      if (output.number() > takeover.resendAfter()) {
        again.add(output);
      }
    }
    PrimaryCore next =
        simulation.build.primary(
            takeover, replica.instance(), Simulation.TIMING, Simulation.LIMITS, simulation.commit);
    if (takeover.diverged()) {
      simulation.statistics.divergedGoLives++;
    } else if (!unmatched.isEmpty()
        && !diverged
        && !simulation.anyDisturbance
        && simulation.build == Build.PRODUCTION) {
      simulation.violation("live with outputs that no record names");
    }
    SimPrimary successor = new SimPrimary(replica, next, live);
    successor.keep(again);
    successor.putOut(List.copyOf(unmatched));
    replica.become(successor);
  }

  @Override
  public String toString() {
    return core.status()
        + " holds "
        + core.receivedThrough()
        + " replayed "
        + core.replayedThrough();
  }
}
