package dev.lockstep.counting;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.counting.model.Excess;
import dev.lockstep.counting.model.PmuFaults;
import dev.lockstep.counting.model.SkidShape;
import dev.lockstep.engine.BranchSemantics;
import java.util.EnumMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Random targets in random guests on PMUs with random faults: each is met exactly, or was refused a name. */
final class SeekPropertyTest {
  private static final int SAMPLE = 2_000;
  private static final int WHOLE = 100_000;

  /** Targets of a guest whose targets are far apart, and boundaries that a round has, about. */
  private static final int TARGETS = 60, BOUNDARIES_OF_A_ROUND = 5_000;

  /** What transitions may shift an overflow by, at most. */
  private static final int SLACK = 16;

  /** A PMU and what its engine knows of it. */
  private record Host(PmuFaults faults, CounterLimits limits, ExcessTable excess, boolean late) {}

  private static long seed() {
    return Long.getLong("lockstep.seed", System.nanoTime());
  }

  @Test
  void sampleOfTargets() {
    campaign(seed(), SAMPLE);
  }

  @Test
  @Tag("long")
  void everyTarget() {
    campaign(seed(), WHOLE);
  }

  private static void campaign(long seed, int targets) {
    SplittableRandom random = new SplittableRandom(seed);
    Replayer.Tally tally = new Replayer.Tally();
    Recording.Places where = new Recording.Places();
    long ambiguous = 0;
    long boundaries = 0;
    int guests = 0;
    while (tally.exact + ambiguous + tally.failures() < targets && tally.failures() == 0) {
      BranchSemantics semantics =
          random.nextInt(5) == 0 ? BranchSemantics.ALL_TRANSFERS : BranchSemantics.CONDITIONAL;
      Host host = host(random.split());
      // Three guests of four have their targets so far apart that most are gone to by overflow.
      int near = 40 + random.nextInt(400);
      int margins = (int) (host.limits().skidBound() + host.limits().minimumPeriod());
      int gap = random.nextInt(4) == 0 ? near : near + margins * (4 + random.nextInt(8));
      int rounds = Math.max(1 + random.nextInt(4), TARGETS * gap / BOUNDARIES_OF_A_ROUND);
      SeekGuest guest = SeekGuest.random(random.split(), rounds);
      Recording recording = Recording.of(guest, semantics, random.split(), gap);
      Replayer.run(
          guest,
          recording,
          semantics,
          host.faults(),
          host.limits(),
          host.excess(),
          host.late(),
          tally);
      if (tally.failures() > 0) {
        tally.complaints.add(host.toString());
        tally.complaints.add(guest.source);
      }
      ambiguous += recording.ambiguous();
      where.add(recording.where());
      boundaries += recording.boundaries();
      guests++;
    }
    System.out.printf(
        "campaign seek: seed %d, %,d guests of %,d boundaries, %,d targets: %,d exact, %,d refused a name, %,d overshot and tried again, %,d wrong, %,d lost, %,.1f stops each%n",
        seed,
        guests,
        boundaries,
        tally.exact + ambiguous + tally.failures(),
        tally.exact,
        ambiguous,
        tally.overshot,
        tally.wrong,
        tally.absent + tally.refused,
        (double) tally.stops / Math.max(1, tally.exact));
    System.out.printf(
        "campaign seek places: %,d in repeated strings, %,d in ring 3, %,d with interrupts closed, %,d whose name came again, %,d with an interrupt injected; %,d by overflow, %,d of them with a skid bound of 1,000 or more%n",
        where.inRepeats,
        where.inRing3,
        where.closed,
        where.revisited,
        where.injected,
        tally.far,
        tally.farWithLongSkid);
    assertThat(tally.complaints).isEmpty();
    assertThat(tally.failures()).isZero();
    assertThat(tally.exact).isGreaterThan(targets / 2);
  }

  /** A random PMU that calibration would take, and what calibration would say of it. */
  private static Host host(SplittableRandom random) {
    long[] bounds = {0, 10, 100, 100, 125, 250, 1_000, 10_000};
    long bound = bounds[random.nextInt(random.nextInt(4) == 0 ? 8 : 6)];
    SkidShape shape = SkidShape.values()[random.nextInt(3)];
    int instructions = random.nextInt(40);
    boolean late = random.nextInt(5) == 0;
    boolean ignored = random.nextInt(5) == 0;
    long minimum = random.nextBoolean() ? 1 : 32 + random.nextInt(68);
    PmuFaults faults =
        PmuFaults.none(random.nextLong())
            .withSkid(bound, shape, instructions)
            .withSignals(
                late ? 4 : 0, random.nextInt(4), random.nextBoolean() ? 0 : 2 + random.nextInt(8))
            .withPeriods(minimum, ignored);
    Map<Transition, Long> table = new EnumMap<>(Transition.class);
    for (Transition kind : new Transition[] {Transition.EXIT, Transition.INJECTION}) {
      long each = random.nextInt(7) - 2;
      faults = faults.withExcess(kind, Excess.of(each));
      table.put(kind, each);
    }
    if (random.nextInt(10) == 0) {
      faults = faults.withoutBreakpoints();
    }
    if (random.nextInt(10) == 0) {
      faults =
          faults
              .withCompanion()
              .withExcess(Transition.FAR_TRANSFER, new Excess(1, 2))
              .withExcess(Transition.EXCEPTION, Excess.of(1));
    }
    // Events that the companion takes away still fill the period: overflows come early, not late.
    CounterLimits limits = new CounterLimits(bound + instructions + SLACK, minimum, ignored);
    return new Host(faults, limits, new ExcessTable(table), late);
  }

  /** The canary: the same campaign with a monitor that does not subtract must not pass. */
  @Test
  void withoutTheCorrectionOfExcessItIsNoticed() {
    long seed = seed();
    SplittableRandom random = new SplittableRandom(seed);
    Replayer.Tally tally = new Replayer.Tally();
    int guests = 0;
    while (tally.wrong == 0 && guests < 300) {
      SeekGuest guest = SeekGuest.random(random.split(), 3);
      Recording recording = Recording.of(guest, BranchSemantics.CONDITIONAL, random.split(), 100);
      PmuFaults faults =
          PmuFaults.none(random.nextLong())
              .withSkid(100, SkidShape.SHORT, 10)
              .withExcess(Transition.EXIT, Excess.of(1))
              .withExcess(Transition.INJECTION, Excess.of(1));
      Replayer.run(
          guest,
          recording,
          BranchSemantics.CONDITIONAL,
          faults,
          new CounterLimits(150, 1, false),
          ExcessTable.NONE,
          false,
          tally);
      guests++;
    }
    System.out.printf(
        "campaign seek canary: seed %d, %d guests without correction: %d wrong points, %d lost, %d met%n",
        seed, guests, tally.wrong, tally.absent + tally.refused, tally.exact);
    assertThat(tally.failures()).as("guests in which it was noticed").isPositive();
    assertThat(tally.wrong).as("wrong points that were taken for right").isPositive();
  }
}
