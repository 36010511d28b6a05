package dev.lockstep.ft.replica;

import static dev.lockstep.ft.replica.DyingPrimary.SOME_BYTES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.vmm.config.KvmEngine;
import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.MachineFactory;
import dev.lockstep.vmm.machine.MachineInput;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.machine.Machines;
import dev.lockstep.vmm.machine.NetworkGuest;
import dev.lockstep.vmm.machine.NetworkSpec;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.net.MacAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pairs that follow freely: real replicas over a real link, on machines that number the exits of their guests and nothing else. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class FreeRunningTest {
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
    return anchored(MachineSpec.Pacing.HOST);
  }

  private static MachineSpec anchored(MachineSpec.Pacing pacing) {
    return new MachineSpec(
        "test",
        CpuModel.LOCKSTEP_V1,
        BranchSemantics.ANCHORS,
        Machines.MEMORY,
        1_700_000_000_000_000_000L,
        pacing,
        1024,
        new TreeMap<>());
  }

  private static MachineSpec networked() {
    MachineSpec plain = anchored();
    return new MachineSpec(
        plain.name(),
        plain.model(),
        plain.semantics(),
        plain.memoryBytes(),
        plain.wallClockNanos(),
        plain.pacing(),
        plain.digestSpacing(),
        new NetworkSpec(new MacAddress(0x525400123456L), false),
        new TreeMap<>());
  }

  private static TinySource source(GuestLoader guest) {
    return new TinySource(Machines.FACTORY, anchored(), guest);
  }

  /** On a host whose measure of work is another. */
  private static TinySource skewed(GuestLoader guest) {
    return new TinySource(SkewedVcpu.factory(), anchored(), guest);
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
      takesOver(rig, a, b, "PRIMARY_LOST");
    }
  }

  /** Its timers reach it in the middle of its work; what it says depends on when. */
  @Test
  void aGuestThatComputesWithoutAnExitIsFollowedWhereItIs() throws Exception {
    GuestLoader guest = Guests.tickingSpinner();
    Rig rig = new Rig(folder, random, SELDOM);
    try (Replica b = rig.backup("b", skewed(guest), atB);
        Replica a = rig.primary("a", source(guest), b, atA)) {
      atA.await("PROTECTED");
      rig.type(a, 50);
      rig.outside.await(3 * SOME_BYTES, 60);
      assertThat(a.status().divergences()).as("%s", atA.notes()).isZero();
      Rig.crash(a);
      atB.await("LIVE");
      rig.outside.await(rig.outside.size() + SOME_BYTES / 4, 60);
      assertThat(b.status().reason()).isEqualTo("PRIMARY_LOST");
      // What is typed would wait behind its timers: they are due whenever it is looked at.
      b.stop();
      b.ended().get(60, TimeUnit.SECONDS);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  /** What it says depends on how much work it has done before each interrupt, and no two hosts agree on that: it differs again and again. */
  @Test
  void aGuestThatTheTwoCannotAgreeOnIsMadeEqualAgainAndAgain() throws Exception {
    GuestLoader guest = Guests.clockworkWithoutCounter(1, 2_000_000);
    Rig rig = new Rig(folder, random, SELDOM);
    try (Replica b = rig.backup("b", skewed(guest), atB);
        Replica a = rig.primary("a", source(guest), b, atA)) {
      atA.await("RESYNCHRONISING", 5);
      atA.await("PROTECTED", 5);
      assertThat(a.status().divergences()).isGreaterThan(3);
      assertThat(a.status().protection()).isEqualTo(ReplicaStatus.Protection.DEGRADED);
      assertThat(a.status().reasonWord()).isEqualTo("divergence");
      rig.outside.await(rig.outside.size() + SOME_BYTES / 4, 60);
      takesOver(rig, a, b, null);
    }
  }

  @Test
  void checkpointsComeAsPlannedAndTakeNothingFromTheProtection() throws Exception {
    GuestLoader guest = Guests.clockworkWithoutCounter(8, 20);
    Rig rig = new Rig(folder, random, new FreeRunning(200_000_000));
    try (Replica b = rig.backup("b", source(guest), atB);
        Replica a = rig.primary("a", source(guest), b, atA)) {
      atA.await("PROTECTED");
      rig.type(a, 50);
      atA.await("PROTECTED", 6);
      assertThat(a.status().resynchronisations()).isGreaterThanOrEqualTo(5);
      assertThat(a.status().divergences()).isZero();
      ReplicaStatus status = a.status();
      assertThat(status.reason()).isNull();
      // A busy host may be slowed for its backup's lag; nothing else may be amiss.
      assertThat(status.protection())
          .isEqualTo(
              status.isSlowed()
                  ? ReplicaStatus.Protection.DEGRADED
                  : ReplicaStatus.Protection.PROTECTED);
      // Perhaps in the middle of one.
      takesOver(rig, a, b, "PRIMARY_LOST");
    }
  }

  @Test
  void aFlippedBitIsFoundReportedAndHealed() throws Exception {
    GuestLoader guest = Guests.clockworkWithoutCounter(8, 20);
    Rig rig = new Rig(folder, random, SELDOM);
    TinySource sourceB = source(guest);
    try (Replica b = rig.backup("b", sourceB, atB);
        Replica a = rig.primary("a", source(guest), b, atA)) {
      atA.await("PROTECTED");
      rig.outside.await(SOME_BYTES, 60);
      Flip.ticks(sourceB.machine(), random, atB);
      atA.await("PROTECTED", 2);
      assertThat(a.status().divergences()).isPositive();
      rig.type(a, 20);
      takesOver(rig, a, b, "PRIMARY_LOST");
    }
  }

  /** Every frame is answered, by what the guest has made of it; the answers are matched before they leave. */
  @Test
  void framesAreMatchedBeforeTheyLeave() throws Exception {
    GuestLoader guest = NetworkGuest.createWithoutCounter();
    Rig rig = new Rig(folder, random, SELDOM);
    TinySource sourceA = new TinySource(Machines.FACTORY, networked(), guest);
    TinySource sourceB = new TinySource(Machines.FACTORY, networked(), guest);
    try (Replica b = rig.backup("b", sourceB, atB);
        Replica a = rig.primary("a", sourceA, b, atA)) {
      atA.await("PROTECTED");
      answered(rig, a, 0);
      assertThat(a.status().divergences()).as("%s", atA.notes()).isZero();
      Rig.crash(a);
      atB.await("LIVE");
      answered(rig, b, 1);
      Rig.quit(b);
      b.ended().get(60, TimeUnit.SECONDS);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  /** Sends frames, each with a number behind the place of the guest's own word, until each has an answer. */
  private static void answered(Rig rig, Replica replica, int round) {
    for (int number = 0; number < 40; number++) {
      byte[] frame = new byte[64];
      frame[12] = (byte) 0x88;
      frame[13] = (byte) 0xb5;
      frame[40] = (byte) (1 + round);
      frame[41] = (byte) number;
      Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> {
            replica.inject(new MachineInput.NetworkFrames(Frames.pack(frame)));
            return rig.outside.frames().stream()
                .anyMatch(it -> it.length == 64 && it[40] == frame[40] && it[41] == frame[41]);
          });
    }
  }

  /** On KVM, whatever it is worth here: it has no counter, and a measure of work that is time. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aPairOnKvm(boolean spins) throws Exception {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: free-running following is tested on soft only");
    KvmEngine kvm = KvmEngine.ofThisHost();
    MachineFactory factory = new MachineFactory("kvm", kvm);
    MachineSpec spec =
        anchored(kvm.traits().ring0Native() ? MachineSpec.Pacing.HOST : MachineSpec.Pacing.FREE);
    GuestLoader guest = spins ? Guests.tickingSpinner() : Guests.clockworkWithoutCounter(8, 20);
    Rig rig = new Rig(folder, random, new FreeRunning(1_000_000_000));
    try (Replica b = rig.backup("b", new TinySource(factory, spec, guest), atB);
        Replica a = rig.primary("a", new TinySource(factory, spec, guest), b, atA)) {
      atA.await("PROTECTED");
      rig.type(a, 20);
      rig.outside.await(SOME_BYTES, 60);
      atA.await("PROTECTED", 2);
      System.out.println("on kvm: " + a.status());
      takesOver(rig, a, b, null);
    }
  }

  /** As of exact following: the primary is killed as soon as one of these is said. */
  @ParameterizedTest
  @EnumSource(DyingPrimary.Stage.class)
  void thePrimaryDiesAtAStageOfAResynchronisation(DyingPrimary.Stage stage) throws Exception {
    DyingPrimary dying = dying(new Rig(folder, random, SELDOM));
    dies(dying, () -> dying.await(stage));
  }

  @RepeatedTest(3)
  void thePrimaryDiesAtAnyMomentOfAResynchronisation() throws Exception {
    DyingPrimary dying = dying(new Rig(folder, random, SELDOM));
    dies(dying, dying.anyMoment(random));
  }

  private void dies(DyingPrimary dying, DyingPrimary.Moment moment) throws Exception {
    GuestLoader guest = Guests.clockworkWithoutCounter(8, 20);
    dying.dies(source(guest), source(guest), machine -> Flip.ticks(machine, random, atB), moment);
  }

  private DyingPrimary dying(Rig rig) {
    return new DyingPrimary(rig, atA, atB, SOME_BYTES / 4);
  }

  /**
   * The primary dies and its backup goes on, as one machine to the outside.
   *
   * @param reason why the new primary is not protected; null if it does not matter
   */
  private void takesOver(Rig rig, Replica a, Replica b, @Nullable String reason) throws Exception {
    dying(rig).takesOver(a, b);
    if (reason != null) {
      assertThat(b.status().reason()).isEqualTo(reason);
    }
  }
}
