package dev.lockstep.ft.sim;

import dev.lockstep.ft.core.Build;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/** Many seeds in a row, and what they came to. */
final class Campaign {
  private final List<String> violations = new ArrayList<>();
  private int seeds;
  private int kills;
  private int goLives;
  private int protections;
  private int fenced;
  private int lost;
  private int divergences;
  private int heals;
  private int divergedGoLives;
  private int handOvers;
  private long bytes;
  private long elapsedNanos;

  /** Runs these seeds on the protocol as it ships. */
  void run(long first, long count) {
    long started = System.nanoTime();
    for (long seed = first; seed < first + count; seed++) {
      add(new Simulation(seed, Build.PRODUCTION).run());
    }
    elapsedNanos += System.nanoTime() - started;
  }

  void add(Simulation.Outcome outcome) {
    Simulation.Statistics statistics = outcome.statistics();
    seeds++;
    kills += statistics.kills;
    goLives += statistics.goLives;
    protections += statistics.joins;
    fenced += statistics.fenced;
    divergences += statistics.divergences;
    heals += statistics.heals;
    divergedGoLives += statistics.divergedGoLives;
    handOvers += statistics.handOvers;
    lost += statistics.vmLost ? 1 : 0;
    bytes += statistics.bytes;
    if (outcome.violation() != null) {
      violations.add("seed " + outcome.seed() + ": " + outcome.violation());
    }
  }

  List<String> violations() {
    return violations;
  }

  int kills() {
    return kills;
  }

  int lost() {
    return lost;
  }

  int goLives() {
    return goLives;
  }

  /** The first of these seeds at which a broken build is caught. */
  static OptionalLong firstCatch(Build build, long first, long count) {
    for (long seed = first; seed < first + count; seed++) {
      if (new Simulation(seed, build).run().violation() != null) {
        return OptionalLong.of(seed);
      }
    }
    return OptionalLong.empty();
  }

  @Override
  public String toString() {
    return "simulation: %d seeds, %d violations, %.0f seeds/s; %d kills, %d times live, %d times protected, %d fenced, %d divergences, %d healed, %d times live from a diverged state, %d hand-overs, %d VMs lost to double faults, %d bytes consumed"
        .formatted(
            seeds,
            violations.size(),
            seeds * 1e9 / Math.max(1, elapsedNanos),
            kills,
            goLives,
            protections,
            fenced,
            divergences,
            heals,
            divergedGoLives,
            handOvers,
            lost,
            bytes);
  }
}
