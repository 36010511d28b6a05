package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.machine.DiskGuest;
import dev.lockstep.vmm.machine.Footprint;
import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Machines;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** One guest outlives its primaries, one after the other: each dies or hands over, and the VM is protected again. Nothing is lost, and nothing is left behind. */
class ManyFailoversTest {
  private static final int FAILOVERS = 100, SAMPLE = 4;

  /** Until the JVM has made what it keeps. */
  private static final int WARM_UP = 6;

  /** What a JVM and what the test remembers of the outputs may grow by: less than a replica takes. */
  private static final int STRAY_DESCRIPTORS = 4, STRAY_MAPPINGS = 40, STRAY_THREADS = 3;

  private static final long STRAY_HEAP = 4L << 20;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");

  /** A replica with the disk that belongs to its host. */
  private record Member(String name, Path disk, Replica replica) {}

  private int named;

  @Test
  @Timeout(value = 4, unit = TimeUnit.MINUTES)
  void aSampleOfFailoversInARow() throws Exception {
    run(SAMPLE);
  }

  @Test
  @Tag("long")
  @Timeout(value = 30, unit = TimeUnit.MINUTES)
  void aHundredFailoversInARow() throws Exception {
    run(FAILOVERS);
  }

  private void run(int failovers) throws Exception {
    System.out.println("ManyFailoversTest seed " + seed);
    Rig rig = new Rig(folder, random);
    GuestLoader guest = DiskGuest.create();
    Member backup = backup(rig, guest, Machines.image(folder.resolve("b.disk"), random));
    Path disk = Machines.image(folder.resolve("a.disk"), random);
    Member primary =
        new Member(
            "a",
            disk,
            rig.primary(
                "a", new TinySource(guest, disk), backup.replica(), new Watching("primary")));
    int crashes = 0;
    Footprint before = Footprint.now();
    try {
      awaitProtected(primary);
      for (int i = 0; i < failovers + WARM_UP; i++) {
        if (i == WARM_UP) {
          before = Footprint.now();
        }
        int seen = rig.outside.size();
        rig.type(primary.replica(), 3);
        rig.outside.await(seen + 1, 60);
        Member next = backup;
        // Looked at is what there is after the same kind of failover.
        boolean looked = i == WARM_UP - 1 || i == failovers + WARM_UP - 1;
        if (looked || random.nextBoolean()) {
          crashes++;
          Rig.crash(primary.replica());
          awaitPrimary(next);
          backup = backup(rig, guest, primary.disk());
          next.replica().protect(backup.replica().listenAddress(), null).get(90, TimeUnit.SECONDS);
        } else {
          primary.replica().failover().get(90, TimeUnit.SECONDS);
          awaitPrimary(next);
          backup = primary;
        }
        primary = next;
        awaitProtected(primary);
        assertThat(rig.outside.violation()).as("seed %d, failover %d", seed, i).isEmpty();
      }
      int seen = rig.outside.size();
      rig.outside.await(seen + 1, 60);
      Footprint after = Footprint.now();
      System.out.printf(
          "failover: %d in a row with re-protection, %d by a crash, %,d bytes of output; before %s; after %s%n",
          failovers, crashes, rig.outside.size(), before, after);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
      assertNothingLeft(before, after);
    } finally {
      primary.replica().close();
      backup.replica().close();
    }
  }

  private static void assertNothingLeft(Footprint before, Footprint after) {
    assertThat(after.descriptors() - before.descriptors())
        .as("descriptors")
        .isLessThanOrEqualTo(STRAY_DESCRIPTORS);
    assertThat(after.mappings() - before.mappings())
        .as("mappings")
        .isLessThanOrEqualTo(STRAY_MAPPINGS);
    assertThat(after.threads() - before.threads()).as("threads").isLessThanOrEqualTo(STRAY_THREADS);
    assertThat(after.heap() - before.heap()).as("heap").isLessThan(STRAY_HEAP);
  }

  private Member backup(Rig rig, GuestLoader guest, Path disk) {
    String name = "r" + named++;
    return new Member(
        name, disk, rig.backup(name, new TinySource(guest, disk), new Watching(name)));
  }

  private static void awaitPrimary(Member member) {
    await(() -> member.replica().status().role() == ReplicaStatus.Role.PRIMARY);
  }

  private static void awaitProtected(Member member) {
    await(() -> member.replica().status().phase().equals("PROTECTED"));
  }

  private static void await(Callable<Boolean> condition) {
    Awaitility.await()
        .pollInterval(Duration.ofMillis(5))
        .atMost(Duration.ofSeconds(60))
        .until(condition);
  }
}
