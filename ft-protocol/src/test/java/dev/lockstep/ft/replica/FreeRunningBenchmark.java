package dev.lockstep.ft.replica;

import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.Machines;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What free-running following costs: how many checkpoints a second there can be, how long the guest stands still for one, and how long outputs wait for their match. Prints, and asserts nothing. */
@Tag("bench")
class FreeRunningBenchmark {
  private static final int SECONDS = Integer.getInteger("bench.seconds", 10);

  @TempDir Path folder = Path.of("unset");

  @Test
  void checkpointsOneBehindTheOther() throws Exception {
    measure("checkpoints one behind the other", new FreeRunning(1));
  }

  @Test
  void checkpointsAsByDefault() throws Exception {
    measure("checkpoints every 20 s", new FreeRunning(20_000_000_000L));
  }

  private void measure(String what, FreeRunning freeRunning) throws Exception {
    GuestLoader guest = Guests.clockworkWithoutCounter(8, 20);
    Rig rig = new Rig(folder, new Random(1), freeRunning);
    Watching atA = new Watching("a");
    try (Replica b = rig.backup("b", source(guest), new Watching("b"));
        Replica a = rig.primary("a", source(guest), b, atA)) {
      atA.await("PROTECTED");
      TimeUnit.SECONDS.sleep(1);
      ReplicaStatus before = a.status();
      CommitLatency.Snapshot held = a.commitLatency().snapshot();
      long started = System.nanoTime();
      long pauses = 0;
      long looks = 0;
      while (System.nanoTime() - started < TimeUnit.SECONDS.toNanos(SECONDS)) {
        TimeUnit.MILLISECONDS.sleep(20);
        pauses += a.status().lastPauseMicros();
        looks++;
      }
      double seconds = (System.nanoTime() - started) / 1e9;
      ReplicaStatus after = a.status();
      CommitLatency.Snapshot now = a.commitLatency().snapshot();
      System.out.printf(
          "bench-free-running: %s: %.1f checkpoints/s, the guest stands still for %.1f ms, outputs wait for their match %s, %d divergences%n",
          what,
          (after.resynchronisations() - before.resynchronisations()) / seconds,
          pauses / 1e3 / looks,
          quantiles(held, now),
          after.divergences());
      Rig.quit(a);
    }
  }

  private static TinySource source(GuestLoader guest) {
    return new TinySource(Machines.FACTORY, FreeRunningTest.anchored(), guest);
  }

  private static String quantiles(CommitLatency.Snapshot from, CommitLatency.Snapshot to) {
    long[] counts = to.counts();
    long all = 0;
    for (int i = 0; i < counts.length; i++) {
      counts[i] -= from.counts()[i];
      all += counts[i];
    }
    return "p50 <= %s, p99 <= %s of %d"
        .formatted(bound(to, counts, all / 2), bound(to, counts, all * 99 / 100), all);
  }

  private static String bound(CommitLatency.Snapshot snapshot, long[] counts, long rank) {
    long seen = 0;
    for (int i = 0; i < snapshot.boundsNanos().length; i++) {
      seen += counts[i];
      if (seen > rank) {
        return "%.2f ms".formatted(snapshot.boundsNanos()[i] / 1e6);
      }
    }
    return "more";
  }
}
