package dev.lockstep.it.network;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A host that is busy to the last, with collectors forced to run, is no failure: nobody takes over and no backup is dropped. */
class FalseFailoverTest {
  /** Unless said otherwise by busy.minutes; the figure in the documents is of 60. */
  private static final long MINUTES = 5;

  private static final long REST_MILLIS = 20;

  /** With what the processes have said, if it fails. */
  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path folder = Path.of("unset");

  @Test
  @Tag("long")
  void aBusyHostIsNoFailure() throws Exception {
    long minutes = Long.getLong("busy.minutes", MINUTES);
    int spinners = Integer.getInteger("busy.spinners", Runtime.getRuntime().availableProcessors());
    long seed = Long.getLong("lockstep.seed", new Random().nextLong()) >>> 16;
    System.out.printf(
        "network false failover: %d minutes, %d spinners, seed %d%n", minutes, spinners, seed);
    List<Process> load = new ArrayList<>();
    try (Lab lab = Lab.open();
        GuestPair pair = new GuestPair(lab, GuestPair.Service.ECHO, folder, seed)) {
      pair.powerOn();
      try (LabProcess client = pair.client(seed, REST_MILLIS)) {
        for (int i = 0; i < spinners; i++) {
          load.add(new ProcessBuilder("sh", "-c", "while :; do :; done").start());
        }
        int saidByPrimary = pair.primary().said();
        int saidByBackup = pair.backup().said();
        long until = System.nanoTime() + TimeUnit.MINUTES.toNanos(minutes);
        int collections = 0;
        while (System.nanoTime() < until) {
          for (LabProcess replica : pair.replicas()) {
            collect(replica);
            collections++;
          }
          TimeUnit.SECONDS.sleep(1);
          pair.primary().requireOnly(saidByPrimary, "primary", "protected");
          pair.backup().requireOnly(saidByBackup, "backup", "following");
        }
        JsonNode end = GuestPair.ask(client, "stop");
        System.out.printf(
            "network false failover: none in %d minutes with %d forced collections; %d blocks echoed, longest time for one %d ms%n",
            minutes,
            collections,
            end.path("blocks").asLong(),
            end.path("longest_gap_micros").asLong() / 1_000);
      }
    } finally {
      load.forEach(Process::destroyForcibly);
    }
  }

  private static void collect(LabProcess replica) throws IOException, InterruptedException {
    Process jcmd =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                Long.toString(replica.pid()),
                "GC.run")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(jcmd.waitFor()).as("jcmd's exit status; the replica must live").isZero();
  }
}
