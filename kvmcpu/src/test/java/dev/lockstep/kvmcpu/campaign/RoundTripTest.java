package dev.lockstep.kvmcpu.campaign;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** State that goes from kvm to soft and back at random moments of a guest that computes changes nothing of what it computes. {@code -Dlockstep.seed=} repeats a run's guests and choices, not its kicks. */
final class RoundTripTest {
  private static final int SAMPLE = 12;
  private static final int WHOLE = 1000;

  @BeforeEach
  void deviceIsThere() {
    Engines.need("state is not moved between kvm and soft");
  }

  @Test
  void sample() {
    campaign(SAMPLE);
  }

  @Test
  @Tag("long")
  void whole() {
    campaign(WHOLE);
  }

  private static void campaign(int runs) {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    List<String> different = new ArrayList<>();
    long moves = 0;
    long ticks = 0;
    try (Engines engines = new Engines()) {
      for (int i = 0; i < runs; i++) {
        RoundTrip.Outcome expected = RoundTrip.alone(engines, seed + i);
        try {
          RoundTrip.Moved moved = RoundTrip.moving(engines, seed + i);
          moves += moved.moves();
          ticks += moved.ticks();
          String difference = moved.outcome().differenceFrom(expected);
          if (!difference.isEmpty() || moved.moves() < 2) {
            different.add("seed %d, %d moves: %s".formatted(seed + i, moved.moves(), difference));
          }
        } catch (RuntimeException | AssertionError e) {
          different.add("seed %d: %s".formatted(seed + i, e));
        }
      }
    }
    System.out.printf(
        "campaign round trips: %,d of %,d, seed %d (state moved %,d times, %,d interrupts at random)%n",
        runs - different.size(), runs, seed, moves, ticks);
    assertThat(different).as("guests that did something else").isEmpty();
  }
}
