package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.ft.arbiter.SharedPathArbiter;
import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.core.StartPolicy;
import dev.lockstep.vmm.config.ReplicationConfig;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.DiskGuest;
import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.MachineInput;
import dev.lockstep.vmm.machine.Machines;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two replicas in one JVM, over loopback. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class ReplicaPairTest {
  private static final int SOME_BYTES = 60;

  /** The first UART, as a device. */
  private static final int UART0 = 0;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");
  private SharedPathArbiter arbiter = new SharedPathArbiter(Path.of("target"));
  private final Outside outside = new Outside();
  private final Watching atA = new Watching("a");
  private final Watching atB = new Watching("b");

  @BeforeEach
  void sharedArbiter() throws IOException {
    System.out.println("ReplicaPairTest seed " + seed);
    arbiter = new SharedPathArbiter(Files.createDirectories(folder.resolve("arbiter")));
  }

  @RepeatedTest(3)
  void theBackupGoesOnWhereThePrimaryDied() throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    try (Replica b = backup("b", new TinySource(guest), outside, atB)) {
      Replica a = primary("a", new TinySource(guest), b, StartPolicy.WAIT_FOR_BACKUP);
      atA.await("PROTECTED");
      outside.await(SOME_BYTES, 60);
      type(a, 5 + random.nextInt(20));
      crash(a);
      atB.await("LIVE");
      int seen = outside.size();
      type(b, 10);
      outside.await(seen + SOME_BYTES, 60);
      quit(b);
      ReplicaEnd end = b.ended().get(60, TimeUnit.SECONDS);
      assertThat(end.outcome()).isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      assertThat(end.machineEnd()).isNotNull();
      assertThat(outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  @Test
  void aGuestThatEndsEndsBoth() throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    try (Replica b = backup("b", new TinySource(guest), outside, atB);
        Replica a = primary("a", new TinySource(guest), b, StartPolicy.WAIT_FOR_BACKUP)) {
      atA.await("PROTECTED");
      outside.await(SOME_BYTES, 60);
      quit(a);
      ReplicaEnd first = a.ended().get(60, TimeUnit.SECONDS);
      ReplicaEnd second = b.ended().get(60, TimeUnit.SECONDS);
      assertThat(first.outcome()).isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      assertThat(second.outcome()).isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      assertThat(second.machineEnd()).isEqualTo(first.machineEnd());
      assertThat(outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  @Test
  void aBackupJoinsARunningGuestAndAnotherOneAfterAFailover() throws Exception {
    Path diskA = Machines.image(folder.resolve("a.disk"), random);
    Path diskB = Machines.image(folder.resolve("b.disk"), random);
    Path diskC = Machines.image(folder.resolve("c.disk"), random);
    GuestLoader guest = DiskGuest.create();
    Watching atC = new Watching("c");
    try (Replica b = backup("b", new TinySource(guest, diskB), outside, atB)) {
      Replica a = primary("a", new TinySource(guest, diskA), b, StartPolicy.START_ALONE);
      outside.await(5, 60);
      atA.await("PROTECTED");
      type(a, 5 + random.nextInt(10));
      crash(a);
      atB.await("LIVE");
      assertThat(marker(diskB)).isEqualTo(DiskMarker.State.LIVE);
      type(b, 10);
      try (Replica c =
          Replica.backup(
              new TinySource(guest, diskC),
              settings("c", b.listenAddress(), StartPolicy.START_ALONE),
              arbiter,
              outside.of("c"),
              atC)) {
        atB.await("PROTECTED");
        type(b, 10);
        crash(b);
        atC.await("LIVE");
        type(c, 10);
        quit(c);
        assertThat(c.ended().get(60, TimeUnit.SECONDS).outcome())
            .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      }
      assertThat(outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  @Test
  void aBackupThatJoinsLateHasWhatConsumersMayNotHaveRead() throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    ConsoleHistory atPrimary = new ConsoleHistory(1 << 16);
    ConsoleHistory atBackup = new ConsoleHistory(1 << 16);
    try (Replica a =
        Replica.primary(
            new TinySource(guest),
            settings("a", null, StartPolicy.START_ALONE),
            arbiter,
            new Kept(atPrimary),
            atA)) {
      atPrimary.await(SOME_BYTES, 1);
      try (Replica _ =
          Replica.backup(
              new TinySource(guest),
              settings("b", a.listenAddress(), StartPolicy.START_ALONE),
              arbiter,
              new Kept(atBackup),
              atB)) {
        atA.await("PROTECTED");
        crash(a);
        atB.await("LIVE");
        assertThat(atBackup.oldest()).as("seed %d", seed).isZero();
        int left = (int) atPrimary.end();
        byte[] first = atPrimary.await(0, left);
        atBackup.await(left - 1, 1);
        assertThat(atBackup.await(0, left)).as("seed %d", seed).isEqualTo(first);
      }
    }
  }

  @Test
  void thePrimaryGoesOnWhenTheBackupDies() throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    Replica b = backup("b", new TinySource(guest), outside, atB);
    try (Replica a = primary("a", new TinySource(guest), b, StartPolicy.WAIT_FOR_BACKUP)) {
      atA.await("PROTECTED");
      outside.await(SOME_BYTES, 60);
      crash(b);
      atA.await("NOT_PROTECTED");
      int seen = outside.size();
      type(a, 10);
      outside.await(seen + SOME_BYTES, 60);
      quit(a);
      assertThat(a.ended().get(60, TimeUnit.SECONDS).outcome())
          .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      assertThat(outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  /** A process looks for its replica's end four times a second, for as long as that lives. */
  @Test
  void whoWaitsForTheEndAgainAndAgainLeavesNothingBehind() {
    try (Replica b = backup("b", new TinySource(Guests.clockwork(8)), outside, atB)) {
      CompletableFuture<ReplicaEnd> ended = b.ended();
      for (int i = 0; i < 100; i++) {
        assertThat(b.ended()).isSameAs(ended);
        assertThatThrownBy(() -> b.ended().get(1, TimeUnit.MICROSECONDS))
            .isInstanceOf(TimeoutException.class);
      }
      assertThat(ended.getNumberOfDependents()).isZero();
    }
  }

  @Test
  void theDisksOfBothAgreeAtTheEnd() throws Exception {
    Path diskA = Machines.image(folder.resolve("a.disk"), random);
    Path diskB = Machines.image(folder.resolve("b.disk"), random);
    GuestLoader guest = DiskGuest.create();
    try (Replica b = backup("b", new TinySource(guest, diskB), outside, atB);
        Replica a = primary("a", new TinySource(guest, diskA), b, StartPolicy.WAIT_FOR_BACKUP)) {
      atA.await("PROTECTED");
      type(a, 30);
      a.stop();
      assertThat(a.ended().get(60, TimeUnit.SECONDS).machineEnd())
          .isNotNull()
          .satisfies(end -> assertThat(end.reason()).isEqualTo(EndReason.STOPPED));
      b.ended().get(60, TimeUnit.SECONDS);
    }
    assertThat(Files.mismatch(diskA, diskB)).as("seed %d", seed).isEqualTo(-1);
    assertThat(marker(diskA)).isEqualTo(DiskMarker.State.LIVE);
    assertThat(marker(diskB)).isEqualTo(DiskMarker.State.IN_SYNC);
  }

  @Test
  void replicasOfOtherMachinesAreNoPair() throws Exception {
    TinySource source = new TinySource(Guests.clockwork(8));
    MachineSource other = new OtherFacts(source);
    try (Replica b = backup("b", other, outside, atB);
        Replica a = primary("a", source, b, StartPolicy.WAIT_FOR_BACKUP)) {
      assertThatThrownBy(() -> a.ended().get(60, TimeUnit.SECONDS))
          .hasMessageContaining("the configurations differ in memory_mib");
      assertThat(b.status().phase()).isEqualTo("CONNECTING");
    }
  }

  /** Whoever serves consumers by offset. */
  private record Kept(ConsoleHistory history) implements OutputSink {
    @Override
    public void accept(int stream, long offset, byte[] bytes) {
      history.accept(offset, bytes);
    }

    @Override
    public void leftAtPrimary(int stream, long offset, byte[] bytes) {
      history.accept(offset, bytes);
    }

    @Override
    public void begin() {
      history.forget();
    }
  }

  private static DiskMarker.State marker(Path image) {
    return DiskMarker.read(image).orElseThrow().state();
  }

  private Replica primary(String name, MachineSource source, Replica peer, StartPolicy policy) {
    return Replica.primary(
        source, settings(name, peer.listenAddress(), policy), arbiter, outside.of(name), atA);
  }

  private Replica backup(String name, MachineSource source, Outside outside, Watching watching) {
    return Replica.backup(
        source, settings(name, null, StartPolicy.START_ALONE), arbiter, outside.of(name), watching);
  }

  private ReplicaSettings settings(
      String name, @Nullable InetSocketAddress peer, StartPolicy policy) {
    return ReplicaSettings.builder(name, folder.resolve(name), ReplicationConfig.defaults())
        .peer(peer)
        .startPolicy(policy)
        .build();
  }

  private static void crash(Replica replica) {
    replica.close();
  }

  private void type(Replica replica, int inputs) throws InterruptedException {
    for (int i = 0; i < inputs; i++) {
      Thread.sleep(random.nextInt(6));
      byte[] typed = new byte[1 + random.nextInt(10)];
      for (int j = 0; j < typed.length; j++) {
        typed[j] = (byte) ('0' + random.nextInt(10));
      }
      replica.inject(new MachineInput.ConsoleBytes(UART0, typed));
    }
  }

  /** What was held leaves before the machine is live: until then it takes no input. */
  private static void quit(Replica replica) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> replica.inject(new MachineInput.ConsoleBytes(UART0, new byte[] {'q'})));
  }
}
