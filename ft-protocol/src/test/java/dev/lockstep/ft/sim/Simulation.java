package dev.lockstep.ft.sim;

import dev.lockstep.ft.core.Build;
import dev.lockstep.ft.core.Limits;
import dev.lockstep.ft.core.OperatorOrder;
import dev.lockstep.ft.core.OutputCommit;
import dev.lockstep.ft.core.StartPolicy;
import dev.lockstep.ft.core.Timing;
import dev.lockstep.ft.core.VmId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One run: replicas, network, arbiter, guest and consumer under one clock, first with faults, then healed. Everything follows from the seed.
 *
 * <p>What is checked while it runs: the consumer's stream is that of one machine, every byte once; what a backup replays is what was recorded; outputs
 * come from one primary; an epoch has one primary. And at the end, when all has healed: one primary runs, protected, and output goes on.
 */
final class Simulation {
  /** What a run came to. */
  record Outcome(long seed, @Nullable String violation, Statistics statistics) {}

  /** What happened in a run, to see that runs are worth their time. */
  static final class Statistics {
    int kills;
    int freezes;
    int partitions;
    int goLives;
    int wentOnAlone;
    int fenced;
    int joins;
    int divergences;
    int heals;
    int divergedGoLives;
    int handOvers;
    int effects;
    boolean vmLost;
    boolean finished;
    int bytes;
  }

  private record Event(long at, long order, Runnable action) implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      int byTime = Long.compare(at, other.at);
      return byTime != 0 ? byTime : Long.compare(order, other.order);
    }
  }

  private static final class Violated extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Violated(String what) {
      super(what, null, false, false);
    }
  }

  private static final long MILLI = 1_000_000;
  private static final long FAULTY_NANOS = 600 * MILLI;
  private static final long HEALED_NANOS = 500 * MILLI;

  static final Timing TIMING =
      new Timing(
          4 * MILLI,
          MILLI,
          MILLI,
          30 * MILLI,
          34 * MILLI,
          27 * MILLI,
          8 * MILLI,
          60 * MILLI,
          10 * MILLI,
          10 * MILLI,
          150 * MILLI,
          8 * MILLI);
  static final Limits LIMITS = new Limits(15, 90, 512, 1 << 20, 2_048, 256, 8, 4_096, 2, 3, 64);

  final long seed;
  final Build build;
  final VmId vm;
  boolean verbose;
  final Statistics statistics = new Statistics();
  final SimNetwork network = new SimNetwork(this);
  final SimArbiter arbiter = new SimArbiter(this);
  final SimConsumer consumer = new SimConsumer(this);
  final List<SimReplica> replicas = new ArrayList<>();
  final OutputCommit commit;
  final StartPolicy startPolicy;

  /** Whether anything has ever happened to a machine that no record says: only then may a replay differ. */
  boolean anyDisturbance;

  /** When the machine of a replica other than the first is disturbed, when it stands for a planned checkpoint, and when an operator moves the VM; 0 for never. */
  long disturbAtNanos;

  Consumer<SimGuest> disturbance = guest -> guest.flip(17);

  long standAtNanos;

  long switchAtNanos;

  /** How many effects each replica had performed then. */
  final Map<String, Long> effectsAtEvent = new HashMap<>();

  final long guestEndCount;

  private final SplittableRandom random;
  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private final long crashAtEffect;
  private final @Nullable String crashReplica;
  private FaultPlan faults;
  private long now;
  private long order;
  private boolean riskyKill;
  private long topLiveEpoch = -1;
  private @Nullable String topLive;
  private final Map<Long, Long> outputsHeld = new HashMap<>();
  private final Map<Long, Long> outputsMatched = new HashMap<>();
  private final Set<Long> followed = new HashSet<>();

  /** A run whose faults are drawn from the seed. */
  Simulation(long seed, Build build) {
    this(seed, build, null, -1, null);
  }

  /** A run with given faults, and one crash of one replica just before its {@code crashAtEffect}-th effect. */
  Simulation(
      long seed,
      Build build,
      @Nullable FaultPlan given,
      long crashAtEffect,
      @Nullable String crashReplica) {
    this.seed = seed;
    this.build = build;
    this.crashAtEffect = crashAtEffect;
    this.crashReplica = crashReplica;
    random = new SplittableRandom(SimGuest.mix(seed));
    faults = given == null ? FaultPlan.draw(random) : given;
    vm = new VmId("vm", random.nextLong());
    commit = random.nextInt(4) == 0 ? OutputCommit.RECEIVED : OutputCommit.MATCHED;
    startPolicy = random.nextBoolean() ? StartPolicy.WAIT_FOR_BACKUP : StartPolicy.START_ALONE;
    guestEndCount = random.nextInt(5) == 0 ? 500 + random.nextInt(8_000) : Long.MAX_VALUE;
    int count = random.nextInt(3) == 0 ? 3 : 2;
    for (int i = 0; i < count; i++) {
      replicas.add(new SimReplica(this, "abc".substring(i, i + 1)));
    }
  }

  /** Runs to the end, or to the first violation. */
  Outcome run() {
    try {
      replicas.getFirst().startAsPrimary();
      for (SimReplica replica : replicas.subList(1, replicas.size())) {
        after(between(0, 20 * MILLI), replica::startAsBackup);
      }
      if (disturbAtNanos > 0) {
        after(
            disturbAtNanos,
            () -> {
              countEffects();
              replicas.getLast().disturb(disturbance);
            });
      }
      if (standAtNanos > 0) {
        after(
            standAtNanos,
            () -> {
              countEffects();
              replicas.getLast().stand();
            });
      }
      if (commit == OutputCommit.MATCHED && SimGuest.mix(~seed) % 4 == 0 && crashAtEffect < 0) {
        planCheckpoints();
      }
      if (switchAtNanos > 0) {
        after(
            switchAtNanos,
            () -> {
              countEffects();
              replicas.forEach(it -> it.order(OperatorOrder.FAILOVER));
            });
      }
      scheduleFault();
      runUntil(FAULTY_NANOS);
      heal();
      long bytesBefore = consumer.length();
      runUntil(FAULTY_NANOS + HEALED_NANOS);
      if (replicas.stream().noneMatch(SimReplica::isProtected)) {
        // Chunks that overtake each other are sent again after a while: a long checkpoint may need
        // it.
        runUntil(FAULTY_NANOS + 3 * HEALED_NANOS);
      }
      checkTheEnd(bytesBefore);
      return outcome(null);
    } catch (Violated violated) {
      return outcome(violated.getMessage());
    } catch (IllegalStateException broken) {
      return outcome("broken invariant: " + broken.getMessage());
    }
  }

  /** As a pair that follows freely has them: whoever is the backup stands now and then. */
  private void planCheckpoints() {
    after(
        between(50 * MILLI, 150 * MILLI),
        () -> {
          if (now < FAULTY_NANOS) {
            replicas.forEach(SimReplica::stand);
            planCheckpoints();
          }
        });
  }

  private void countEffects() {
    replicas.forEach(it -> effectsAtEvent.put(it.name, it.effects));
  }

  private Outcome outcome(@Nullable String violation) {
    statistics.bytes = consumer.length();
    return new Outcome(seed, violation, statistics);
  }

  private void runUntil(long end) {
    Event next = events.peek();
    while (next != null && next.at() <= end && !statistics.vmLost) {
      events.remove();
      now = next.at();
      next.action().run();
      next = events.peek();
    }
  }

  // ---- what replicas and the rest use

  long now() {
    return now;
  }

  FaultPlan faults() {
    return faults;
  }

  boolean chance(double probability) {
    return probability > 0 && random.nextDouble() < probability;
  }

  long between(long from, long to) {
    return random.nextLong(from, to);
  }

  long randomLong() {
    return random.nextLong();
  }

  void after(long delay, Runnable action) {
    events.add(new Event(now + delay, order++, action));
  }

  /** Writes a line of the run's story, when somebody reads it. */
  void note(SimReplica replica, Object what) {
    if (verbose) {
      System.out.printf("%10.3f ms  %s  %s%n", now / 1e6, replica.name, what);
    }
  }

  /** Ends the run: a promise is broken. */
  void violation(String what) {
    throw new Violated("at %.3f ms: %s".formatted(now / 1e6, what));
  }

  /** Called before every effect: the place where processes die. */
  boolean diesHere(SimReplica replica) {
    statistics.effects++;
    replica.effects++;
    return (replica.effects == crashAtEffect && replica.name.equals(crashReplica))
        || (chance(faults.crashPerStep()) && mayDie(replica));
  }

  /** A replica goes on as the only one, in a term of its own. */
  void live(SimReplica replica, long epoch) {
    if (epoch < topLiveEpoch
        || (epoch == topLiveEpoch && !replica.instanceName().equals(topLive))) {
      violation(
          "%s is live in epoch %d, but %s is in epoch %d"
              .formatted(replica.instanceName(), epoch, topLive, topLiveEpoch));
    }
    topLiveEpoch = epoch;
    topLive = replica.instanceName();
  }

  /** A primary says that it is protected in this epoch. It may not know yet that its backup has gone live since; then it must stay silent. */
  void claimsProtection(SimReplica replica, long epoch) {
    if (!followed.contains(epoch)) {
      violation(
          "%s says it is protected, but no backup is in sync in epoch %d"
              .formatted(replica.name, epoch));
    }
    if (epoch > topLiveEpoch) {
      live(replica, epoch);
    }
  }

  /** A backup is in sync in this epoch. */
  void follows(long epoch) {
    followed.add(epoch);
  }

  /** The backup of this epoch holds the entries of so many outputs. */
  void holds(long epoch, long outputs) {
    outputsHeld.merge(epoch, outputs, Math::max);
  }

  /** A machine was disturbed. With outputs that leave on receipt, a difference may be found too late to survive the primary's loss. */
  void disturbed() {
    anyDisturbance = true;
    riskyKill |= commit == OutputCommit.RECEIVED;
  }

  /** The backup of this epoch has produced outputs through this number as the primary has, or has been made equal to it there. */
  void matches(long epoch, long output) {
    outputsMatched.merge(epoch, output, Math::max);
  }

  /** Output may leave a replica which is protected in {@code epoch}, or not protected at all (epoch 0). */
  void released(SimReplica replica, SimGuest.Output output, long epoch) {
    if (epoch != 0
        && build != Build.NO_OUTPUT_ENTRIES
        && outputsHeld.getOrDefault(epoch, 0L) < output.number()) {
      violation(
          "output %d is released by %s before its entry is acknowledged"
              .formatted(output.number(), replica.name));
    }
    if (epoch != 0
        && build == Build.PRODUCTION
        && commit == OutputCommit.MATCHED
        && outputsMatched.getOrDefault(epoch, 0L) < output.number()) {
      violation(
          "output %d is released by %s before its backup has matched it"
              .formatted(output.number(), replica.name));
    }
    requireLive(replica, output, "is released by");
  }

  /** A primary that was frozen meanwhile sends nothing more. */
  void leaves(SimReplica replica, SimGuest.Output output) {
    requireLive(replica, output, "leaves");
  }

  private void requireLive(SimReplica replica, SimGuest.Output output, String what) {
    if (!replica.instanceName().equals(topLive)) {
      violation(
          "output %d %s %s, but %s is the primary of epoch %d"
              .formatted(output.number(), what, replica.instanceName(), topLive, topLiveEpoch));
    }
  }

  void finished() {
    statistics.finished = true;
  }

  /** A replica is killed now. */
  void kills(SimReplica victim) {
    statistics.kills++;
    riskyKill |= !survivable(victim);
  }

  private boolean survivable(SimReplica victim) {
    return replicas.stream().anyMatch(other -> other != victim && other.couldGoOnWithout(victim));
  }

  /** Looks whether any replica still has the VM. */
  void checkForLoss() {
    if (!statistics.finished && replicas.stream().noneMatch(SimReplica::holdsTheVm)) {
      if (!riskyKill) {
        violation("the VM is lost, though every kill left another replica in sync");
      }
      statistics.vmLost = true;
    }
  }

  // ---- faults

  private void scheduleFault() {
    if (!faults.kinds().isEmpty()) {
      after(
          between(1, 2 * faults.eventGapNanos()),
          () -> {
            if (now < FAULTY_NANOS) {
              fault();
              scheduleFault();
            }
          });
    }
  }

  private void fault() {
    SimReplica victim = pick();
    SimReplica other = pick();
    switch (faults.kinds().get((int) between(0, faults.kinds().size()))) {
      case KILL -> {
        if (mayDie(victim)) {
          victim.kill();
        }
      }
      case FREEZE -> {
        statistics.freezes++;
        victim.freeze(between(MILLI, chance(0.5) ? 10 * MILLI : 150 * MILLI));
      }
      case PARTITION -> {
        if (victim != other) {
          partition(victim, other);
        }
      }
      case RESET -> {
        if (victim != other) {
          victim.linkReset();
          other.linkReset();
        }
      }
      case ARBITER_CUT -> {
        victim.arbiterCut = true;
        after(between(MILLI, 120 * MILLI), () -> victim.arbiterCut = false);
      }
      case FLIP -> {
        int bit = (int) between(0, 64);
        victim.disturb(guest -> guest.flip(bit));
      }
      case SKEW -> {
        long nanos = between(1, chance(0.5) ? 1_000 : MILLI);
        victim.disturb(guest -> guest.skew(nanos));
      }
      case LEAK -> {
        long value = randomLong();
        victim.disturb(guest -> guest.leak(value));
      }
      case SWITCH -> replicas.forEach(it -> it.order(OperatorOrder.FAILOVER));
      case UNPROTECT -> {
        replicas.forEach(it -> it.order(OperatorOrder.UNPROTECT));
        after(between(MILLI, 60 * MILLI), this::protectAgain);
      }
    }
  }

  private void partition(SimReplica one, SimReplica other) {
    statistics.partitions++;
    network.cut(one, other);
    boolean bothWays = chance(0.5);
    if (bothWays) {
      network.cut(other, one);
    }
    after(
        between(MILLI, 120 * MILLI),
        () -> {
          network.heal(one, other);
          network.heal(other, one);
        });
  }

  private void protectAgain() {
    replicas.forEach(it -> it.order(OperatorOrder.PROTECT));
  }

  private SimReplica pick() {
    return replicas.get((int) between(0, replicas.size()));
  }

  /** Mostly kills only what a pair survives; now and then anything. */
  private boolean mayDie(SimReplica victim) {
    return chance(0.02) || survivable(victim);
  }

  private void heal() {
    faults = FaultPlan.NONE;
    network.heal();
    for (SimReplica replica : replicas) {
      replica.arbiterCut = false;
      replica.thaw();
    }
    for (int i = 1; i < 5; i++) {
      after(i * 40 * MILLI, this::protectAgain);
    }
  }

  // ---- the end

  private void checkTheEnd(long bytesBefore) {
    if (statistics.vmLost || statistics.finished) {
      return;
    }
    long primaries = replicas.stream().filter(SimReplica::isPrimary).count();
    if (primaries != 1) {
      violation(primaries + " primaries after everything healed: " + replicas);
    }
    if (replicas.stream().noneMatch(SimReplica::isProtected)) {
      violation("not protected although everything healed: " + replicas);
    }
    if (guestEndCount == Long.MAX_VALUE && consumer.length() <= bytesBefore) {
      violation("no output since everything healed: " + replicas);
    }
  }
}
