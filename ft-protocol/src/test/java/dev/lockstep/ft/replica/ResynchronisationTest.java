package dev.lockstep.ft.replica;

import static dev.lockstep.ft.replica.DyingPrimary.SOME_BYTES;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.DiskGuest;
import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.Machines;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Bits flip in a real backup's memory: the difference is found before anything of it leaves, reported, and healed; whoever dies meanwhile. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class ResynchronisationTest {
  /** The gate of its timer's interrupt: it is read all the time and written by nobody. */
  private static final int TIMER_GATE = 0x1000 + 0x20 * 16;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");
  private final Watching atA = new Watching("a");
  private final Watching atB = new Watching("b");

  @BeforeEach
  void tell() {
    System.out.println("ResynchronisationTest seed " + seed);
  }

  @Test
  void aFlippedBitIsFoundReportedAndHealed() throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    Rig rig = new Rig(folder, random);
    TinySource sourceB = new TinySource(guest);
    try (Replica b = rig.backup("b", sourceB, atB);
        Replica a = rig.primary("a", new TinySource(guest), b, atA)) {
      atA.await("PROTECTED");
      rig.outside.await(SOME_BYTES, 60);
      flip(sourceB.machine(), Flip.HASH);
      atA.await("PROTECTED", 2);
      assertThat(a.status().divergences()).isOne();
      assertThat(a.status().resynchronisations()).isOne();
      assertThat(a.status().protection().word()).isEqualTo("protected");
      assertThat(atA.notes())
          .as("both sides")
          .anyMatch(note ->
              note.startsWith("divergence 1 of epoch")
                  && note.contains("of the primary")
                  && note.contains("of the backup"));
      rig.type(a, 20);
      rig.outside.await(rig.outside.size() + SOME_BYTES, 60);
      // The healed one is worth something: it takes over.
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
  void aBitThatFlippedWhereNobodyWritesIsHealedByAllOfMemory() throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    Rig rig = new Rig(folder, random);
    TinySource sourceB = new TinySource(guest);
    try (Replica b = rig.backup("b", sourceB, atB);
        Replica a = rig.primary("a", new TinySource(guest), b, atA)) {
      atA.await("PROTECTED");
      rig.outside.await(SOME_BYTES, 60);
      flip(sourceB.machine(), TIMER_GATE);
      atB.awaitNote("the two differ in more than was written");
      atA.await("PROTECTED", 2);
      assertThat(a.status().divergences()).isOne();
      assertThat(a.status().resynchronisations()).isOne();
      rig.type(a, 20);
      rig.outside.await(rig.outside.size() + SOME_BYTES, 60);
      Rig.quit(a);
      b.ended().get(60, TimeUnit.SECONDS);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  @Test
  void disksAreHealedWithTheRest() throws Exception {
    Path diskA = Machines.image(folder.resolve("a.disk"), random);
    Path diskB = Machines.image(folder.resolve("b.disk"), random);
    GuestLoader guest = DiskGuest.create();
    Rig rig = new Rig(folder, random);
    TinySource sourceB = new TinySource(guest, diskB);
    try (Replica b = rig.backup("b", sourceB, atB);
        Replica a = rig.primary("a", new TinySource(guest, diskA), b, atA)) {
      atA.await("PROTECTED");
      rig.type(a, 10);
      flip(sourceB.machine(), Flip.HASH);
      atA.await("PROTECTED", 2);
      rig.type(a, 20);
      a.stop();
      assertThat(a.ended().get(60, TimeUnit.SECONDS).machineEnd())
          .isNotNull()
          .satisfies(end -> assertThat(end.reason()).isEqualTo(EndReason.STOPPED));
      b.ended().get(60, TimeUnit.SECONDS);
    }
    assertThat(Files.mismatch(diskA, diskB)).as("seed %d", seed).isEqualTo(-1);
    assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
  }

  /** The primary is killed as soon as one of these is said. */
  @ParameterizedTest
  @EnumSource(DyingPrimary.Stage.class)
  void thePrimaryDiesAtAStageOfIt(DyingPrimary.Stage stage) throws Exception {
    DyingPrimary dying = dying();
    dies(dying, () -> dying.await(stage));
  }

  @RepeatedTest(4)
  void thePrimaryDiesAtAnyMomentOfIt() throws Exception {
    DyingPrimary dying = dying();
    dies(dying, dying.anyMoment(random));
  }

  private void dies(DyingPrimary dying, DyingPrimary.Moment moment) throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    dying.dies(
        new TinySource(guest), new TinySource(guest), machine -> flip(machine, Flip.HASH), moment);
  }

  private DyingPrimary dying() {
    return new DyingPrimary(new Rig(folder, random), atA, atB, SOME_BYTES);
  }

  private void flip(Machine machine, int address) throws Exception {
    Flip.at(machine, address, random, atB);
  }
}
