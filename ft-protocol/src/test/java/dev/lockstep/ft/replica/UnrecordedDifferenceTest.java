package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Guests;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Something of its host gets into one of two real machines, and no record says so: a clock that goes wrong, an instruction that is not trapped. It is found before
 * anything of it leaves, told with both values and both points, and healed; the healed backup takes over.
 */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class UnrecordedDifferenceTest {
  private static final int SOME_BYTES = 60;
  private static final int MANY_DIVERGENCES = 6;

  private enum Defect {
    SKEWED_CLOCK,
    UNTRAPPED_INSTRUCTION
  }

  private enum Side {
    PRIMARY,
    BACKUP
  }

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private final FaultyEngine engineA = new FaultyEngine();
  private final FaultyEngine engineB = new FaultyEngine();
  private final GuestLoader guest = Guests.clockwork(8);
  private final TinySource sourceA = new TinySource(engineA.factory(), guest);
  private final TinySource sourceB = new TinySource(engineB.factory(), guest);
  private final Watching atA = new Watching("a");
  private final Watching atB = new Watching("b");
  @TempDir Path folder = Path.of("unset");

  @BeforeEach
  void tell() {
    System.out.println("UnrecordedDifferenceTest seed " + seed);
  }

  @ParameterizedTest
  @CsvSource({
    "SKEWED_CLOCK, BACKUP",
    "SKEWED_CLOCK, PRIMARY",
    "UNTRAPPED_INSTRUCTION, BACKUP",
    "UNTRAPPED_INSTRUCTION, PRIMARY"
  })
  void itIsFoundReportedAndHealed(Defect defect, Side side) throws Exception {
    Rig rig = new Rig(folder, random);
    try (Replica b = rig.backup("b", sourceB, atB);
        Replica a = rig.primary("a", sourceA, b, atA)) {
      atA.await("PROTECTED");
      rig.outside.await(SOME_BYTES, 60);
      happen(defect, side);
      atB.awaitNote("this backup's replay differs");
      atA.await("PROTECTED", 2);
      String words = side.name().toLowerCase(Locale.ROOT) + ", " + defect + ", seed " + seed;
      assertThat(a.status().divergences()).as(words).isOne();
      assertThat(a.status().resynchronisations()).as(words).isOne();
      for (Watching told : new Watching[] {atA, atB}) {
        assertThat(told.notes())
            .as("what both sides have, and where: %s", words)
            .anyMatch(note ->
                note.matches(
                    ".*record \\d+: .+ is .+ at .+ of the primary, .+ at .+ of the backup.*"));
      }
      rig.type(a, 20);
      rig.outside.await(rig.outside.size() + SOME_BYTES, 60);
      assertThat(a.status().divergences()).as("it does not come again: %s", words).isOne();
      Rig.crash(a);
      atB.await("LIVE");
      rig.type(b, 5);
      rig.outside.await(rig.outside.size() + SOME_BYTES, 60);
      Rig.quit(b);
      assertThat(b.ended().get(60, TimeUnit.SECONDS).outcome())
          .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      assertThat(b.status().reason()).as(words).isEqualTo("PRIMARY_LOST");
      assertThat(rig.outside.violation()).as(words).isEmpty();
    }
  }

  /** The backup goes on with what it has itself: had the primary let anything out that differs, the two would contradict each other. */
  @ParameterizedTest
  @CsvSource({
    "SKEWED_CLOCK, BACKUP",
    "SKEWED_CLOCK, PRIMARY",
    "UNTRAPPED_INSTRUCTION, BACKUP",
    "UNTRAPPED_INSTRUCTION, PRIMARY"
  })
  void thePrimaryDiesWhenItIsFound(Defect defect, Side side) throws Exception {
    Rig rig = new Rig(folder, random);
    try (Replica b = rig.backup("b", sourceB, atB)) {
      Replica a = rig.primary("a", sourceA, b, atA);
      atA.await("PROTECTED");
      rig.outside.await(SOME_BYTES, 60);
      rig.type(a, 5);
      happen(defect, side);
      atB.awaitNote("this backup's replay differs");
      Rig.crash(a);
      atB.await("LIVE");
      int seen = rig.outside.size();
      rig.type(b, 5);
      rig.outside.await(seen + SOME_BYTES, 60);
      Rig.quit(b);
      assertThat(b.ended().get(60, TimeUnit.SECONDS).outcome())
          .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  private void happen(Defect defect, Side side) throws Exception {
    FaultyEngine engine = side == Side.PRIMARY ? engineA : engineB;
    TinySource source = side == Side.PRIMARY ? sourceA : sourceB;
    switch (defect) {
      case SKEWED_CLOCK -> {
        // From a nanosecond, which only a read of the counter shows, to a tick of the timer. A
        // guest
        // that is halted then goes on at its next timer's time, as if nothing had been.
        long nanos = 1L << random.nextInt(21);
        do {
          engine.skew(source.machine(), nanos);
        } while (!atB.notes("this backup's replay differs", 5_000));
      }
      case UNTRAPPED_INSTRUCTION -> engine.leaveUntrapped(1);
    }
  }

  /** A CPU that never traps it makes the backup differ again and again: the pair says that it is degraded, and still nothing wrong leaves. */
  @Test
  void anInstructionThatIsNeverTrappedDegradesThePair() throws Exception {
    Rig rig = new Rig(folder, random);
    try (Replica b = rig.backup("b", sourceB, atB);
        Replica a = rig.primary("a", sourceA, b, atA)) {
      atA.await("PROTECTED");
      rig.outside.await(SOME_BYTES, 60);
      engineB.leaveUntrapped(FaultyEngine.FOR_EVER);
      atA.await("RESYNCHRONISING", MANY_DIVERGENCES);
      assertThat(a.status().protection().word()).as("seed %d", seed).isEqualTo("degraded");
      engineB.leaveUntrapped(0);
      int seen = rig.outside.size();
      rig.type(a, 10);
      rig.outside.await(seen + SOME_BYTES, 60);
      Rig.quit(a);
      assertThat(a.ended().get(60, TimeUnit.SECONDS).outcome())
          .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }
}
