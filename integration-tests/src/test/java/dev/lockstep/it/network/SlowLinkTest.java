package dev.lockstep.it.network;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/** A backup joins over a link that needs many seconds for the guest's memory: its clients hardly see it, since most of it goes over while the guest runs and nothing waits behind it. */
class SlowLinkTest {
  private static final int MEGABITS = 100;

  /** With what the processes have said, if it fails. */
  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path folder = Path.of("unset");

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void aCheckpointIsSentWhileItIsTaken() throws Exception {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong()) >>> 16;
    try (Lab lab = Lab.open();
        GuestPair pair = new GuestPair(lab, GuestPair.Service.FULL_PING, folder, seed)) {
      pair.powerOn();
      try (LabProcess client = pair.client(seed)) {
        int said = pair.primary().said();
        pair.backup().signal("KILL");
        pair.primary().awaitPhase("primary", "not_protected", said, GuestPair.PATIENCE_MILLIS);
        lab.slowLink(MEGABITS);
        GuestPair.longestGapMicros(client, "mark");
        long atStart = lab.bytesSentBy(pair.primaryHost());
        int since = pair.primary().said();
        pair.join();
        pair.primary()
            .await(
                "that the checkpoint is taken",
                since,
                event -> event.path("note").asString("").contains("stood still for"),
                GuestPair.PATIENCE_MILLIS);
        long taken = lab.bytesSentBy(pair.primaryHost()) - atStart;
        pair.primary().awaitPhase("primary", "protected", since, GuestPair.PATIENCE_MILLIS);
        long whole = lab.bytesSentBy(pair.primaryHost()) - atStart;
        long gap = GuestPair.longestGapMicros(client, "after");
        GuestPair.ask(client, "stop");
        System.out.printf(
            "network: a join over %d Mbit/s, seed %d: %d of %d MB sent before the guest stood still; longest time without an answer %d ms%n",
            MEGABITS, seed, taken / 1_000_000, whole / 1_000_000, gap / 1_000);
        assertThat(taken).isGreaterThan(whole / 10 * 7);
      }
    }
  }
}
