package dev.lockstep.it.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/** A pair whose replicas have a passt each: a session ends with the host that it goes by, and the next one is served by the other. */
class PasstPairTest {
  private static final int KILLS = 2;

  /** With what the processes have said, if it fails. */
  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path folder = Path.of("unset");

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void whoComesToTheNewPrimarysHostIsServed() throws Exception {
    assumeTrue(
        Stream.of(System.getenv("PATH").split(":"))
            .anyMatch(it -> Path.of(it, "passt").toFile().canExecute()),
        "SKIPPED: passt is not here, so no pair is tested with it (apt-get install passt)");
    long seed = Long.getLong("lockstep.seed", new Random().nextLong()) >>> 16;
    System.out.printf("passt pair: %d kills, seed %d%n", KILLS, seed);
    try (Lab lab = Lab.open()) {
      lab.routeByLink();
      try (GuestPair pair =
          new GuestPair(lab, GuestPair.Service.NGINX, GuestPair.Attachment.PASST, folder, seed)) {
        pair.powerOn();
        for (int kill = 0; kill < KILLS; kill++) {
          LabProcess client = pair.clientOfPasst(seed);
          try (client) {
            GuestPair.ask(client, "mark");
            int said = pair.backup().said();
            pair.primary().signal("KILL");
            pair.awaitTakeover(said);
            assertThat(client.awaitEnd(GuestPair.PATIENCE_MILLIS))
                .as("the exit status of a client whose session has ended")
                .isEqualTo(1);
          }
          pair.protect();
        }
        try (LabProcess client = pair.clientOfPasst(seed)) {
          assertThat(GuestPair.ask(client, "stop").path("bytes").asLong()).isPositive();
        }
      }
    }
  }
}
