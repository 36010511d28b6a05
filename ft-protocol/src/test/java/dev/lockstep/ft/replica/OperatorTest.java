package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.machine.DiskGuest;
import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.Machines;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What an operator may ask of a pair: to move the VM, to drop the backup, to take one again. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class OperatorTest {
  private static final int SOME_BYTES = 40;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");
  private final Watching atA = new Watching("a");
  private final Watching atB = new Watching("b");

  @BeforeEach
  void tell() {
    System.out.println("OperatorTest seed " + seed);
  }

  @Test
  void theVmMovesToAndFroWithoutLossOrReboot() throws Exception {
    Path diskA = Machines.image(folder.resolve("a.disk"), random);
    Path diskB = Machines.image(folder.resolve("b.disk"), random);
    GuestLoader guest = DiskGuest.create();
    Rig rig = new Rig(folder, random);
    try (Replica b = rig.backup("b", new TinySource(guest, diskB), atB);
        Replica a = rig.primary("a", new TinySource(guest, diskA), b, atA)) {
      atA.await("PROTECTED");
      rig.outside.await(SOME_BYTES / 4, 60);
      for (int round = 1; round <= 2; round++) {
        rig.type(a, 5);
        done(a.failover());
        assertThat(a.status().role()).isEqualTo(ReplicaStatus.Role.BACKUP);
        awaitPrimary(b);
        rig.type(b, 10);
        // The old primary waits where it was, and is asked by the new one.
        atB.await("PROTECTED", round);
        rig.type(b, 5);
        done(b.failover());
        awaitPrimary(a);
        rig.type(a, 10);
        atA.await("PROTECTED", round + 1);
      }
      int seen = rig.outside.size();
      rig.type(a, 10);
      rig.outside.await(seen + 1, 60);
      Rig.quit(a);
      assertThat(a.ended().get(60, TimeUnit.SECONDS).outcome())
          .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      assertThat(b.ended().get(60, TimeUnit.SECONDS).outcome())
          .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  @Test
  void aBackupIsDroppedAndTakenAgain() throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    Rig rig = new Rig(folder, random);
    try (Replica b = rig.backup("b", new TinySource(guest), atB);
        Replica a = rig.primary("a", new TinySource(guest), b, atA)) {
      atA.await("PROTECTED");
      rig.outside.await(SOME_BYTES, 60);
      done(a.unprotect());
      assertThat(a.status().protection().word()).isEqualTo("notProtected");
      assertThat(a.status().reasonWord()).isEqualTo("userAction");
      // The backup would like to join anew, and is told that nobody wants it.
      atB.await("LOST");
      rig.outside.await(rig.outside.size() + SOME_BYTES, 60);
      assertThat(a.status().phase()).isEqualTo("NOT_PROTECTED");
      done(a.protect(b.listenAddress(), null));
      assertThat(a.status().protection().word()).isEqualTo("protected");
      Rig.crash(a);
      atB.await("LIVE");
      rig.outside.await(rig.outside.size() + SOME_BYTES, 60);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  @Test
  void aStandbyIsNamedWhileTheGuestRuns() throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    Rig rig = new Rig(folder, random);
    try (Replica a = rig.alone("a", new TinySource(guest), atA);
        Replica b = rig.backup("b", new TinySource(guest), atB)) {
      rig.outside.await(SOME_BYTES, 60);
      assertThat(a.status().protection().word()).isEqualTo("needBackup");
      done(a.protect(b.listenAddress(), null));
      assertThat(a.status().phase()).isEqualTo("PROTECTED");
      assertThat(b.status().role()).isEqualTo(ReplicaStatus.Role.BACKUP);
    }
  }

  @Test
  void ordersInTheWrongStateAreRefusedByItsName() throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    Rig rig = new Rig(folder, random);
    try (Replica b = rig.backup("b", new TinySource(guest), atB)) {
      assertRefused(b.failover(), "this replica is a backup, connecting");
      assertRefused(b.unprotect(), "this replica is a backup, connecting");
      assertRefused(b.protect(b.listenAddress(), null), "this replica is a backup, connecting");
      Replica a = rig.alone("a", new TinySource(guest), atA);
      try (a) {
        assertRefused(a.failover(), "the VM is not protected");
        done(a.protect(b.listenAddress(), null));
        assertRefused(a.protect(b.listenAddress(), null), "the VM is protected");
      }
      assertRefused(a.failover(), "the replica");
    }
  }

  private static void awaitPrimary(Replica replica) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> replica.status().role() == ReplicaStatus.Role.PRIMARY);
  }

  private static void assertRefused(CompletableFuture<Void> order, String why) {
    assertThatThrownBy(() -> order.get(60, TimeUnit.SECONDS))
        .isInstanceOf(ExecutionException.class)
        .cause()
        .isInstanceOf(VmmException.class)
        .hasMessageContaining(why);
  }

  private static void done(CompletableFuture<Void> order) throws Exception {
    order.get(90, TimeUnit.SECONDS);
  }
}
