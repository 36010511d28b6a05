package dev.lockstep.it.failover;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.cli.demo.Demo;
import dev.lockstep.cli.demo.DemoResult;
import dev.lockstep.cli.demo.DemoSettings;
import dev.lockstep.cli.demo.DemoSettings.Moment;
import dev.lockstep.it.network.GuestImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Linux outlives its primaries: nothing is lost, repeated or contradicted, on the console or on the disk. */
class FailoverTest {
  private static final int CAMPAIGN_KILLS = 50;
  private static final int LINES = 60;
  private static final int CHECKPOINT_LINES = 150;
  private static final int TWO_KILLS_LINES = 160;
  private static final long TIMEOUT_MILLIS = 180_000;

  @TempDir Path folder = Path.of("unset");

  /** The first kill hits a pair that was protected from power-on, the second one whose backup joined the running guest by a checkpoint. */
  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void twoPrimariesDieOneAfterTheOther() throws Exception {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong()) >>> 16;
    System.out.println("failover: two kills, seed " + seed);
    ByteArrayOutputStream told = new ByteArrayOutputStream();
    DemoResult result =
        Demo.run(
            settings("two", TWO_KILLS_LINES, Moment.BUSY, 2, seed),
            new PrintStream(told, true, StandardCharsets.UTF_8));
    assertThat(result.passed())
        .as("seed %d: %s%n%s", seed, result, told.toString(StandardCharsets.UTF_8))
        .isTrue();
    assertThat(result.lines()).isEqualTo(TWO_KILLS_LINES);
  }

  /** Kills at random moments: in the boot, while the guest works, while it sleeps, while a backup joins. */
  @Test
  @Tag("long")
  void fiftyKillsLoseAndContradictNothing() throws Exception {
    long first = Long.getLong("lockstep.seed", new Random().nextLong()) >>> 16;
    System.out.printf("failover: %d kills, first seed %d%n", CAMPAIGN_KILLS, first);
    Map<String, Integer> fates = new TreeMap<>();
    List<Long> gaps = new ArrayList<>();
    List<String> failures = new ArrayList<>();
    for (int kill = 0; kill < CAMPAIGN_KILLS; kill++) {
      long seed = first + kill;
      Moment moment = Moment.values()[kill % Moment.values().length];
      int lines = moment == Moment.CHECKPOINT ? CHECKPOINT_LINES : LINES;
      ByteArrayOutputStream told = new ByteArrayOutputStream();
      String name = "kill-" + kill;
      DemoResult result =
          Demo.run(
              settings(name, lines, moment, 1, seed),
              new PrintStream(told, true, StandardCharsets.UTF_8));
      fates.merge(moment + " " + result.fate(), 1, Integer::sum);
      if (result.liveMillis() >= 0) {
        gaps.add(result.liveMillis());
      }
      if (!result.passed()) {
        failures.add(
            "seed %d, %s: %s%n%s"
                .formatted(seed, moment, result, told.toString(StandardCharsets.UTF_8)));
      }
      delete(folder.resolve(name));
    }
    gaps.sort(null);
    System.out.printf(
        "failover: %d kills, %d wrong; %s; from the kill to the live backup: median %d ms, longest %d ms%n",
        CAMPAIGN_KILLS, failures.size(), fates, gaps.get(gaps.size() / 2), gaps.getLast());
    assertThat(failures).isEmpty();
  }

  private DemoSettings settings(String name, int lines, Moment moment, int kills, long seed)
      throws IOException, InterruptedException {
    Path place = Files.createDirectories(folder.resolve(name));
    return new DemoSettings(
        GuestImage.folder().resolve("disk.ext4"),
        place,
        lines,
        moment,
        kills,
        seed,
        TIMEOUT_MILLIS);
  }

  private static void delete(Path place) throws IOException {
    try (Stream<Path> files = Files.walk(place)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
