package dev.lockstep.ft.sim;

import dev.lockstep.ft.core.Build;
import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.NotProtectedReason;
import dev.lockstep.ft.core.OperatorOrder;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.PrimaryCore;
import dev.lockstep.ft.core.PrimaryEffect;
import dev.lockstep.ft.core.PrimaryInput;
import dev.lockstep.ft.core.PrimaryPhase;
import dev.lockstep.ft.core.PrimaryStatus;
import dev.lockstep.ft.core.RecordKind;
import dev.lockstep.ft.core.ReplicaInstance;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** A process that is the primary: its core, its live guest, its gate. */
final class SimPrimary {
  private static final long SLICE_NANOS = 500_000;
  private static final int STEPS_PER_SLICE = 8;

  private final SimReplica replica;
  private final Simulation simulation;
  private final PrimaryCore core;
  private final SimGuest guest;
  private final ArrayDeque<SimGuest.Output> gate = new ArrayDeque<>();
  private final ArrayDeque<SimGuest.Output> sink = new ArrayDeque<>();
  private final List<SimGuest.Output> fresh = new ArrayList<>();
  private final Map<String, SimCheckpoint> checkpoints = new HashMap<>();
  private long leavesUntilNanos;
  private boolean runs;
  private boolean paused;
  private boolean guestStarted;
  private boolean endTold;
  private boolean tickSoon;
  private boolean dead;
  private int throttlePercent;

  SimPrimary(SimReplica replica, PrimaryCore core, SimGuest guest) {
    this.replica = replica;
    this.simulation = replica.simulation;
    this.core = core;
    this.guest = guest;
  }

  /** What a backup kept and has to be sent again, before {@link #begin}. */
  void keep(List<SimGuest.Output> outputs) {
    gate.addAll(outputs);
    guestStarted = true;
    endTold = guest.ended();
  }

  /** What a diverged backup has put out and nobody has matched: it is put out anew. */
  void putOut(List<SimGuest.Output> outputs) {
    fresh.addAll(outputs);
  }

  void begin() {
    perform(core.begin(simulation.now()));
    for (SimGuest.Output output : fresh) {
      record(output);
    }
    slice();
    tick();
  }

  long epoch() {
    return core.status().epoch();
  }

  PrimaryPhase phase() {
    return core.status().phase();
  }

  void received(Message.ToPrimary message) {
    feed(new PrimaryInput.Received(message));
  }

  void decisionKnown(DecisionName decision, ReplicaInstance winner) {
    feed(new PrimaryInput.DecisionKnown(decision, winner));
  }

  void order(OperatorOrder order) {
    feed(new PrimaryInput.Ordered(order));
  }

  void disturb(Consumer<SimGuest> how) {
    if (guestStarted && !guest.ended()) {
      simulation.disturbed();
      how.accept(guest);
    }
  }

  void linkLost() {
    feed(new PrimaryInput.LinkLost());
    replica.after(simulation.between(1, 15_000_000), () -> feed(new PrimaryInput.LinkUp()));
  }

  // ---- time

  private void tick() {
    feed(new PrimaryInput.Tick());
    replica.afterTick(core.nextTickNanos(), this::tick);
  }

  private void slice() {
    if (runs && !paused && !guest.ended()) {
      guestStarted = true;
      int steps = Math.max(1, STEPS_PER_SLICE * (100 - throttlePercent) / 100);
      int inputAt = simulation.chance(0.3) ? (int) simulation.between(0, steps) : -1;
      for (int i = 0; i < steps && runs && !dead && !guest.ended(); i++) {
        if (i == inputAt) {
          input();
        }
        step();
      }
      if (simulation.chance(0.7)) {
        feed(new PrimaryInput.Progress(guest.position(), Payload.EMPTY));
      }
    }
    if (guest.ended() && !endTold && !dead) {
      endTold = true;
      feed(
          new PrimaryInput.GuestEnded(guest.position(), SimGuest.payload(SimGuest.Kind.END, 0, 0)));
    }
    replica.after(SLICE_NANOS, this::slice);
  }

  private void step() {
    SimGuest.Output output = guest.step();
    if (output != null && !dead) {
      record(output);
    }
  }

  private void record(SimGuest.Output output) {
    gate.add(output);
    Payload payload = SimGuest.payload(SimGuest.Kind.OUTPUT, output.number(), output.streamHash());
    feed(new PrimaryInput.Recorded(RecordKind.OUTPUT, guest.position(), payload));
  }

  private void input() {
    boolean clock = simulation.chance(0.3);
    long value = clock ? simulation.between(1, 5_000) : simulation.randomLong();
    SimGuest.Kind kind = clock ? SimGuest.Kind.CLOCK : SimGuest.Kind.VALUE;
    feed(
        new PrimaryInput.Recorded(
            RecordKind.INPUT, guest.position(), SimGuest.payload(kind, value, 0)));
    if (clock) {
      guest.stepClock(value);
    } else {
      guest.input(value);
    }
  }

  private void feed(PrimaryInput input) {
    if (dead) {
      return;
    }
    perform(core.step(simulation.now(), input));
    if (!tickSoon && !(input instanceof PrimaryInput.Tick)) {
      tickSoon = true;
      replica.after(
          simulation.between(1_000, 100_000),
          () -> {
            tickSoon = false;
            feed(new PrimaryInput.Tick());
          });
    }
  }

  // ---- effects

  private void perform(List<PrimaryEffect> effects) {
    for (PrimaryEffect effect : effects) {
      if (simulation.diesHere(replica)) {
        dead = true;
        replica.kill();
        return;
      }
      perform(effect);
    }
  }

  private void perform(PrimaryEffect effect) {
    simulation.note(replica, effect);
    switch (effect) {
      case PrimaryEffect.Send send -> send(send.to(), send.message());
      case PrimaryEffect.SendChunk send -> sendChunk(send);
      case PrimaryEffect.TakeCheckpoint take -> takeCheckpointSoon(take.epoch(), 0);
      case PrimaryEffect.TakeResynchronisation take ->
          takeCheckpointSoon(take.epoch(), take.round());
      case PrimaryEffect.DiscardCheckpoint discard ->
          checkpoints.remove(key(discard.epoch(), discard.round()));
      case PrimaryEffect.ReportDivergence ignored -> simulation.statistics.divergences++;
      case PrimaryEffect.Healed ignored -> simulation.statistics.heals++;
      case PrimaryEffect.PauseGuest() ->
          replica.after(
              simulation.between(1_000, 2_000_000),
              () -> {
                paused = true;
                feed(new PrimaryInput.GuestPaused());
              });
      case PrimaryEffect.ResumeGuest() -> paused = false;
      case PrimaryEffect.HandedOver() -> {
        simulation.statistics.handOvers++;
        runs = false;
        gate.clear();
        replica.after(1, replica::restartSoon);
      }
      case PrimaryEffect.OrderEnded ignored -> {}
      case PrimaryEffect.Release release -> release(release.throughOutput(), release.untilNanos());
      case PrimaryEffect.Claim claim ->
          simulation.arbiter.claim(replica, claim.name(), replica.instance());
      case PrimaryEffect.LetGuestRun let -> runs = let.run();
      case PrimaryEffect.Throttle throttle -> throttlePercent = throttle.percent();
      case PrimaryEffect.StatusChanged changed -> statusChanged(changed.status());
      case PrimaryEffect.Fence() -> {
        simulation.statistics.fenced++;
        runs = false;
        gate.clear();
        replica.after(1, replica::restartSoon);
      }
      case PrimaryEffect.Finish() -> {
        if (!gate.isEmpty() || !sink.isEmpty()) {
          simulation.violation("finished with outputs that have not left");
        }
        replica.exit();
      }
    }
  }

  private void statusChanged(PrimaryStatus status) {
    if (status.reason() == NotProtectedReason.PROTOCOL_ERROR
        && simulation.build == Build.PRODUCTION) {
      simulation.violation(replica.name + " takes its own backup for another protocol's");
    }
    switch (status.phase()) {
      case NOT_PROTECTED -> simulation.live(replica, status.epoch());
      case PROTECTED -> {
        simulation.statistics.joins++;
        simulation.claimsProtection(replica, status.epoch());
      }
      case STARTING,
          TRANSFERRING,
          ARMING,
          RESYNCHRONISING,
          HANDING_OVER,
          HANDED_OVER,
          ARBITRATING,
          FENCED,
          ENDED -> {}
    }
  }

  private void send(ReplicaInstance to, Message.ToBackup message) {
    for (SimReplica other : simulation.replicas) {
      if (other.name.equals(to.name())) {
        simulation.network.send(replica, other, message);
      }
    }
  }

  private static String key(long epoch, int round) {
    return epoch + "/" + round;
  }

  /** Now and then some of it is there, and sent, before it is whole. */
  private void takeCheckpointSoon(long epoch, int round) {
    SimCheckpoint begun = new SimCheckpoint(epoch, round);
    checkpoints.put(key(epoch, round), begun);
    long passes = simulation.chance(0.5) ? simulation.between(1, 4) : 0;
    long at = 0;
    for (long i = 0; i < passes; i++) {
      at += simulation.between(10_000, 5_000_000);
      replica.after(
          at,
          () -> {
            if (checkpoints.get(key(epoch, round)) == begun) {
              begun.grow((int) simulation.between(1, 4));
              feed(new PrimaryInput.CheckpointGrew(epoch, round, begun.chunkCount()));
            }
          });
    }
    replica.after(at + simulation.between(10_000, 5_000_000), () -> takeCheckpoint(epoch, round));
  }

  private void takeCheckpoint(long epoch, int round) {
    SimCheckpoint checkpoint = checkpoints.get(key(epoch, round));
    if (checkpoint == null) {
      // Nobody wants it any more, which its taker may not have heard yet.
      if (simulation.chance(0.5)) {
        return;
      }
      checkpoint = new SimCheckpoint(epoch, round);
    }
    if (simulation.chance(simulation.faults().loss())) {
      feed(new PrimaryInput.CheckpointFailed(epoch, round, "disk full"));
      return;
    }
    byte[] state = guestStarted ? guest.save() : new byte[0];
    if (round > 0) {
      List<SimGuest.Output> held = new ArrayList<>(sink);
      held.addAll(gate);
      state = SimGuest.withOutputs(guest.save(), held);
    }
    checkpoint.end(state);
    feed(new PrimaryInput.CheckpointTaken(epoch, round, checkpoint.chunkCount()));
  }

  private void sendChunk(PrimaryEffect.SendChunk send) {
    SimCheckpoint checkpoint = checkpoints.get(key(send.epoch(), send.round()));
    if (checkpoint == null || send.index() >= checkpoint.chunkCount()) {
      simulation.violation("chunk of a checkpoint that is gone, or is not there yet");
      return;
    }
    send(
        send.to(),
        new Message.CheckpointChunk(
            send.epoch(), send.round(), send.index(), checkpoint.chunk(send.index())));
  }

  /** What is released is on its way out; a crash loses what has not left yet. */
  private void release(long throughOutput, long untilNanos) {
    boolean idle = sink.isEmpty() || leavesUntilNanos <= simulation.now();
    leavesUntilNanos = untilNanos;
    boolean alone = phase() == PrimaryPhase.NOT_PROTECTED || phase() == PrimaryPhase.TRANSFERRING;
    SimGuest.Output next = gate.peek();
    while (next != null && next.number() <= throughOutput) {
      gate.remove();
      simulation.released(replica, next, alone ? 0 : core.status().epoch());
      sink.add(next);
      next = gate.peek();
    }
    if (idle) {
      leaveSoon();
    }
  }

  private void leaveSoon() {
    long delay = simulation.between(1_000, simulation.chance(0.1) ? 20_000_000 : 500_000);
    replica.after(
        delay,
        () -> {
          SimGuest.Output next = simulation.now() < leavesUntilNanos ? sink.poll() : null;
          if (next != null && !dead) {
            simulation.leaves(replica, next);
            simulation.consumer.accept(replica.name, next);
            feed(new PrimaryInput.OutputsLeft(next.number()));
            leaveSoon();
          }
        });
  }

  @Override
  public String toString() {
    return core.status() + " " + core.outputCounts() + " at " + guest.position();
  }
}
