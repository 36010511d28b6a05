package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.machine.Machines;
import java.nio.file.Path;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Pairs that follow freely: real replicas over a real link, on machines that number the exits of their guests and nothing else. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class FreeRunningTest {
  private static final int SOME_BYTES = 60;
  private static final FreeRunning SELDOM = new FreeRunning(600_000_000_000L);

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");
  private final Watching atA = new Watching("a");
  private final Watching atB = new Watching("b");

  @BeforeEach
  void tell() {
    System.out.println("FreeRunningTest seed " + seed);
  }

  static MachineSpec anchored() {
    return new MachineSpec(
        "test",
        CpuModel.LOCKSTEP_V1,
        BranchSemantics.ANCHORS,
        Machines.MEMORY,
        1_700_000_000_000_000_000L,
        MachineSpec.Pacing.HOST,
        1024,
        new TreeMap<>());
  }

  private static TinySource source(GuestLoader guest) {
    return new TinySource(Machines.FACTORY, anchored(), guest);
  }

  @Test
  void aGuestThatExitsOftenIsFollowedWithoutADifference() throws Exception {
    GuestLoader guest = Guests.clockworkWithoutCounter(8, 20);
    Rig rig = new Rig(folder, random, SELDOM);
    try (Replica b = rig.backup("b", source(guest), atB);
        Replica a = rig.primary("a", source(guest), b, atA)) {
      atA.await("PROTECTED");
      rig.type(a, 50);
      rig.outside.await(10 * SOME_BYTES, 60);
      assertThat(a.status().divergences()).isZero();
      Rig.crash(a);
      atB.await("LIVE");
      rig.type(b, 5);
      rig.outside.await(rig.outside.size() + SOME_BYTES, 60);
      Rig.quit(b);
      b.ended().get(60, TimeUnit.SECONDS);
      assertThat(b.status().reason()).isEqualTo("PRIMARY_LOST");
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  @Test
  void aGuestThatComputesWithoutAnExitIsFollowedToo() throws Exception {
    GuestLoader guest = Guests.spinner();
    Rig rig = new Rig(folder, random, SELDOM);
    try (Replica b = rig.backup("b", source(guest), atB);
        Replica a = rig.primary("a", source(guest), b, atA)) {
      atA.await("PROTECTED");
      rig.type(a, 50);
      rig.outside.await(3 * SOME_BYTES, 60);
      System.out.println(a.status());
      Rig.crash(a);
      atB.await("LIVE");
      rig.type(b, 5);
      rig.outside.await(rig.outside.size() + SOME_BYTES, 60);
      Rig.quit(b);
      b.ended().get(60, TimeUnit.SECONDS);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }
}
