package dev.lockstep.ft.sim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.ft.core.Build;
import dev.lockstep.ft.core.OutputCommit;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The protocol under faults. A seed that fails is told whole by {@link Seeds}. */
class SimulationTest {
  private static final int SAMPLE_SEEDS = 1_000;
  private static final int CANARY_SEEDS = 10_000;
  private static final int CAMPAIGN_SEEDS = 10_000;
  private static final int FRESH_SEEDS = 2_000;
  private static final long EVENT_NANOS = 200_000_000;
  private static final int STEPS_AROUND = 250;

  @Test
  void aSampleOfSeedsKeepsEveryPromise() {
    Campaign campaign = new Campaign();
    campaign.run(1, SAMPLE_SEEDS);
    System.out.println(campaign);
    assertThat(campaign.violations()).isEmpty();
    assertThat(campaign.goLives()).as("failovers in the sample").isGreaterThan(SAMPLE_SEEDS / 4);
  }

  @Test
  @Tag("long")
  void theCampaignKeepsEveryPromise() {
    Campaign campaign = new Campaign();
    campaign.run(1, CAMPAIGN_SEEDS);
    long fresh = System.nanoTime() >>> 1;
    System.out.printf("simulation: fresh seeds %d to %d%n", fresh, fresh + FRESH_SEEDS - 1);
    campaign.run(fresh, FRESH_SEEDS);
    System.out.println(campaign);
    assertThat(campaign.violations()).isEmpty();
  }

  @Test
  void oneSeedIsOneRun() {
    for (long seed = 1; seed <= 20; seed++) {
      Simulation.Outcome first = new Simulation(seed, Build.PRODUCTION).run();
      Simulation.Outcome second = new Simulation(seed, Build.PRODUCTION).run();
      assertThat(second.statistics().effects).isEqualTo(first.statistics().effects);
      assertThat(second.statistics().bytes).isEqualTo(first.statistics().bytes);
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "PRODUCTION")
  void aBuildWithoutARuleIsCaught(Build canary) {
    OptionalLong caught = Campaign.firstCatch(canary, 1, CANARY_SEEDS);
    System.out.printf("simulation: %s first caught by seed %s%n", canary, caught);
    assertThat(caught).as("first seed that catches %s", canary).isPresent();
  }

  /** A calm network, and one crash at the first, second, … effect of a replica: through the join, the run and the guest's end. */
  @ParameterizedTest
  @ValueSource(strings = {"a", "b"})
  void aCrashAtEachOfTheFirstStepsIsSurvived(String victim) {
    crashAt(victim, 1, 200);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "b"})
  @Tag("long")
  void aCrashAtEveryStepIsSurvived(String victim) {
    crashAt(victim, 201, Integer.MAX_VALUE);
  }

  /** What makes two machines differ. */
  private enum Difference {
    FLIPPED_BIT(guest -> guest.flip(17)),
    SKEWED_CLOCK(guest -> guest.skew(1)),
    UNTRAPPED_INSTRUCTION(guest -> guest.leak(1));

    private final Consumer<SimGuest> disturbance;

    Difference(Consumer<SimGuest> disturbance) {
      this.disturbance = disturbance;
    }
  }

  /** The backup comes to differ in a calm run, and one of the two dies at the first, second, … effect from there on, until it is healed and for a while. */
  @ParameterizedTest
  @EnumSource
  void aCrashAtEachStepOfAResynchronisationIsSurvived(Difference difference) {
    for (String victim : List.of("a", "b")) {
      Campaign campaign =
          around(
              victim,
              run -> {
                run.disturbAtNanos = EVENT_NANOS;
                run.disturbance = difference.disturbance;
              },
              outcome -> outcome.heals > 0);
      assertThat(campaign.lost()).as("VMs lost").isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "b"})
  void aCrashAtEachStepOfAPlannedCheckpointIsSurvived(String victim) {
    Campaign campaign =
        around(victim, run -> run.standAtNanos = EVENT_NANOS, outcome -> outcome.heals > 0);
    assertThat(campaign.lost()).as("VMs lost").isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "b"})
  void aCrashAtEachStepOfASwitchOverIsSurvived(String victim) {
    Campaign campaign =
        around(victim, run -> run.switchAtNanos = EVENT_NANOS, outcome -> outcome.handOvers > 0);
    if (victim.equals("a")) {
      // Once b has it, it has it alone until a has joined.
      assertThat(campaign.lost()).as("VMs lost").isZero();
    }
  }

  private static Campaign around(
      String victim, Consumer<Simulation> event, Predicate<Simulation.Statistics> happened) {
    long seed = 1;
    Simulation calm = calm(seed, -1, "none");
    event.accept(calm);
    while (calm.replicas.size() != 2
        || calm.commit != OutputCommit.MATCHED
        || calm.guestEndCount != Long.MAX_VALUE
        || !happened.test(calm.run().statistics())) {
      seed++;
      calm = calm(seed, -1, "none");
      event.accept(calm);
    }
    long from = calm.effectsAtEvent.getOrDefault(victim, 0L);
    Campaign campaign = new Campaign();
    for (long step = from; step < from + STEPS_AROUND; step++) {
      Simulation run = calm(seed, step, victim);
      event.accept(run);
      campaign.add(run.run());
    }
    System.out.printf(
        "simulation: seed %d, crash of %s at steps %d to %d: %s%n",
        seed, victim, from, from + STEPS_AROUND - 1, campaign);
    assertThat(campaign.violations()).isEmpty();
    assertThat(campaign.kills()).isGreaterThan(STEPS_AROUND / 2);
    return campaign;
  }

  private static void crashAt(String victim, int firstStep, int lastStep) {
    long seed = seedWhoseGuestEndsLate();
    Campaign campaign = new Campaign();
    boolean reached = true;
    int step = firstStep;
    for (; step <= lastStep && reached; step++) {
      Simulation.Outcome outcome = calm(seed, step, victim).run();
      campaign.add(outcome);
      reached = outcome.statistics().kills > 0;
    }
    System.out.printf(
        "simulation: seed %d, crash of %s at steps %d to %d%n", seed, victim, firstStep, step - 1);
    assertThat(campaign.violations()).isEmpty();
  }

  /** A pair, so that both replicas matter, and a guest that ends itself, but not before it has done something. */
  private static long seedWhoseGuestEndsLate() {
    for (long seed = 1; ; seed++) {
      Simulation run = calm(seed, -1, "none");
      boolean suits = run.replicas.size() == 2 && run.guestEndCount >= 2_500;
      if (suits && run.run().statistics().finished) {
        return seed;
      }
    }
  }

  private static Simulation calm(long seed, long step, String victim) {
    return new Simulation(seed, Build.PRODUCTION, FaultPlan.NONE, step, victim);
  }
}
