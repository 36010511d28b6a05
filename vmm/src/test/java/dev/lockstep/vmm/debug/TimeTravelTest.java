package dev.lockstep.vmm.debug;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.DebuggableVcpu.Watchpoint;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.machine.Position;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Moves forwards and backwards: to the right position, and to the same state whenever it is the same. */
class TimeTravelTest {
  private static final int MOVES = 2000;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");

  @Test
  void randomMovesComeToTheSameStatesAndToTheRecordedEnd() throws Exception {
    System.out.println("TimeTravelTest seed " + seed);
    // So little that checkpoints are thinned out.
    try (Recorded recorded = Recorded.open(folder, 6 << 20)) {
      TimeTravel travel = recorded.travel;
      Map<Position, MachineDigest> seen = new HashMap<>();
      recorded.cursor.stopBefore(new long[] {recorded.timerHandler()});
      int met = 0;
      int[] outcomes = new int[TimeTravel.Outcome.values().length];
      for (int move = 0; move < MOVES; move++) {
        TimeTravel.Outcome outcome = move(travel, seen);
        outcomes[outcome.ordinal()]++;
        if (recorded.cursor.end() == null) {
          MachineDigest digest = recorded.cursor.digest();
          MachineDigest before = seen.put(recorded.cursor.position(), digest);
          if (before != null) {
            met++;
            assertThat(digest).as("seed %d, move %d", seed, move).isEqualTo(before);
          }
        }
      }
      System.out.printf(
          "%d moves, %d positions met again, outcomes %s, kept %s%n",
          MOVES,
          met,
          java.util.Arrays.toString(outcomes),
          java.util.Arrays.toString(travel.kept()));
      assertThat(met).isGreaterThan(100);
      recorded.cursor.stopBefore(new long[0]);
      assertThat(travel.continueForward()).isEqualTo(TimeTravel.Outcome.END);
      // The recording's digest of everything was compared there.
      assertThat(recorded.cursor.end()).contains("GUEST_EXIT");
    }
  }

  private TimeTravel.Outcome move(TimeTravel travel, Map<Position, MachineDigest> seen) {
    return switch (random.nextInt(10)) {
      case 0 -> travel.continueForward();
      case 1 -> travel.continueBack();
      case 2 -> {
        List<Position> known = new ArrayList<>(seen.keySet());
        if (!known.isEmpty()) {
          travel.goTo(known.get(random.nextInt(known.size())));
        }
        yield TimeTravel.Outcome.DONE;
      }
      case 3, 4, 5, 6 -> travel.stepBack();
      default -> travel.stepForward();
    };
  }

  @Test
  void backwardsFindsTheStopsThatForwardsFinds() throws Exception {
    try (Recorded recorded = Recorded.open(folder, 64 << 20)) {
      TimeTravel travel = recorded.travel;
      recorded.cursor.stopBefore(new long[] {recorded.timerHandler()});
      List<Position> forwards = new ArrayList<>();
      while (travel.continueForward() == TimeTravel.Outcome.BREAKPOINT) {
        forwards.add(recorded.cursor.position());
      }
      assertThat(forwards).hasSize(Recorded.TICKS);
      List<Position> backwards = new ArrayList<>();
      while (travel.continueBack() == TimeTravel.Outcome.BREAKPOINT) {
        backwards.addFirst(recorded.cursor.position());
      }
      assertThat(backwards).isEqualTo(forwards);
      assertThat(recorded.cursor.steps()).isZero();
      recorded.cursor.stopBefore(new long[0]);
      recorded.cursor.watch(List.of(new Watchpoint(Recorded.TICKS_AT, 8, false, true)));
      while (travel.continueForward() == TimeTravel.Outcome.WATCHPOINT) {
        // On.
      }
      for (int tick = Recorded.TICKS - 1; tick >= 0; tick--) {
        assertThat(travel.continueBack()).isEqualTo(TimeTravel.Outcome.WATCHPOINT);
        assertThat(recorded.cursor.memory().read64(Recorded.TICKS_AT)).isEqualTo(tick);
        // Behind the store, and before it again.
        travel.stepForward();
        assertThat(recorded.cursor.memory().read64(Recorded.TICKS_AT)).isEqualTo(tick + 1);
        travel.stepBack();
      }
      assertThat(travel.continueBack()).isEqualTo(TimeTravel.Outcome.BEGINNING);
    }
  }

  @Test
  void goesToCountsPointsEntriesAndTimes() throws Exception {
    try (Recorded recorded = Recorded.open(folder, 64 << 20)) {
      TimeTravel travel = recorded.travel;
      travel.goToCount(100_000);
      Position there = recorded.cursor.position();
      assertThat(there.count()).isEqualTo(100_000);
      long nanos = recorded.cursor.virtualNanos();
      travel.goToCount(5000);
      assertThat(recorded.cursor.count()).isEqualTo(5000);
      assertThat(travel.goToPoint(100_000, there.point().rip(), there.point().rcx())).isTrue();
      assertThat(recorded.cursor.position()).isEqualTo(there);
      assertThat(travel.goToPoint(90_000, 1, null)).isFalse();
      assertThat(recorded.cursor.position()).isEqualTo(there);
      travel.goToCount(3);
      travel.goToTime(nanos);
      assertThat(recorded.cursor.position()).isEqualTo(there);
      travel.goToEntry(1);
      assertThat(recorded.cursor.nextSequence()).isLessThanOrEqualTo(1);
      assertThat(travel.goToCount(Long.MAX_VALUE)).isEqualTo(TimeTravel.Outcome.END);
      assertThat(travel.stepForward()).isEqualTo(TimeTravel.Outcome.END);
      assertThat(travel.stepBack()).isEqualTo(TimeTravel.Outcome.DONE);
    }
  }
}
