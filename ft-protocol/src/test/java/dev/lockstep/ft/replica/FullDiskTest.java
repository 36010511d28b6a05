package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.disk.SmallFileSystem;
import dev.lockstep.vmm.machine.DiskGuest;
import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Machines;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The file system of a replica's disk, or of its work folder, is full, or fails: nothing is lost, nobody hangs, and it is said what happened and what to do. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class FullDiskTest {
  private static final int SOME_BYTES = 40;

  /** Room for an image that is written whole, its marker, and little else. */
  private static final long ROOM_BYTES = DiskGuest.DISK_BYTES + (64 << 10);

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private final GuestLoader guest = DiskGuest.create();
  private final Watching atA = new Watching("a");
  private final Watching atB = new Watching("b");
  @TempDir Path folder = Path.of("unset");

  @BeforeEach
  void tell() {
    System.out.println("FullDiskTest seed " + seed);
  }

  @Test
  void thePrimarysDiskIsFullAndTheBackupGoesOn() throws Exception {
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("small"), ROOM_BYTES)) {
      Path diskA = sparse(small.root().resolve("a.disk"));
      // Of a run before: what the disk is has a place that nothing else can take.
      new DiskMarker(TinySource.VM, 1, DiskMarker.State.LIVE).write(diskA);
      Path diskB = Machines.image(folder.resolve("b.disk"), random);
      Rig rig = new Rig(folder, random);
      try (Replica b = rig.backup("b", new TinySource(guest, diskB), atB);
          Replica a = rig.primary("a", new TinySource(guest, diskA), b, atA)) {
        atA.await("PROTECTED");
        // Now: on a slow host, once there is output, the guest may have written all of the image.
        small.fill();
        atB.await("LIVE");
        int seen = rig.outside.size();
        rig.type(b, 5);
        rig.outside.await(seen + SOME_BYTES, 60);
        assertThatThrownBy(() -> a.ended().get(60, TimeUnit.SECONDS))
            .cause()
            .isInstanceOf(VmmException.class)
            .hasMessageContaining("the VM has moved to the other replica")
            .hasMessageContaining(diskA.toString())
            .hasMessageContaining("No space left on device");
        assertThat(b.status().reason()).isEqualTo("NEED_BACKUP");
        assertThat(atA.notes())
            .as("the guest sees nothing of it")
            .noneMatch(it -> it.contains("I/O error"));
        assertThat(DiskMarker.read(diskA).orElseThrow().state()).isEqualTo(DiskMarker.State.STALE);
        assertThat(DiskMarker.read(diskB).orElseThrow().state()).isEqualTo(DiskMarker.State.LIVE);
        Rig.quit(b);
        assertThat(b.ended().get(60, TimeUnit.SECONDS).outcome())
            .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
        assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
      }
    }
  }

  @Test
  void theDiskOfAPrimaryAloneIsFullAndTheGuestSeesIt() throws Exception {
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("small"), ROOM_BYTES)) {
      Path diskA = sparse(small.root().resolve("a.disk"));
      Rig rig = new Rig(folder, random);
      try (Replica a = rig.alone("a", new TinySource(guest, diskA), atA)) {
        atA.await("NOT_PROTECTED");
        // By now the guest may have written all of the image, and would need no more room.
        SmallFileSystem.empty(diskA);
        small.fill();
        atA.awaitNote("the guest sees an I/O error, since the VM is not protected");
        int seen = rig.outside.size();
        rig.outside.await(seen + SOME_BYTES, 60);
        assertThat(a.ended()).as("it goes on").isNotDone();
      }
    }
  }

  @Test
  void bothDisksAreFull() throws Exception {
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("small"), 2 * ROOM_BYTES)) {
      Path diskA = sparse(small.root().resolve("a.disk"));
      Path diskB = sparse(small.root().resolve("b.disk"));
      Rig rig = new Rig(folder, random);
      try (Replica b = rig.backup("b", new TinySource(guest, diskB), atB);
          Replica a = rig.primary("a", new TinySource(guest, diskA), b, atA)) {
        atA.await("PROTECTED");
        rig.outside.await(SOME_BYTES, 60);
        // The join has written it whole.
        SmallFileSystem.digHoles(diskB);
        small.fill();
        // Whichever of the two is the primary then, the guest goes on there: if what it writes has
        // no place yet, it sees the error.
        Awaitility.await().atMost(60, TimeUnit.SECONDS).until(() -> isAlone(a) || isAlone(b));
        Replica primary = isAlone(a) ? a : b;
        assertThat(
                atA.notes("No space left on device", 20_000)
                    || atB.notes("No space left on device", 20_000))
            .as("it is told")
            .isTrue();
        int seen = rig.outside.size();
        rig.outside.await(seen + SOME_BYTES, 60);
        Rig.quit(primary);
        assertThat(primary.ended().get(60, TimeUnit.SECONDS).outcome())
            .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
        assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
      }
    }
  }

  private static boolean isAlone(Replica replica) {
    ReplicaStatus status = replica.status();
    return status.role() == ReplicaStatus.Role.PRIMARY && status.phase().equals("NOT_PROTECTED");
  }

  @Test
  void theBackupsDiskFailsAndThePrimaryGoesOn() throws Exception {
    Path diskA = Machines.image(folder.resolve("a.disk"), random);
    Path diskB = Machines.image(folder.resolve("b.disk"), random);
    Rig rig = new Rig(folder, random);
    try (Replica b = rig.backup("b", new TinySource(guest, diskB), atB);
        Replica a = rig.primary("a", new TinySource(guest, diskA), b, atA)) {
      atA.await("PROTECTED");
      rig.outside.await(SOME_BYTES, 60);
      // What is read there does not exist any more, as on a medium that has gone bad. A write of
      // the guest makes the file longer again, with holes where reads give zeros (a divergence that
      // is healed, and right), so it is cut until a read meets the end.
      try (FileChannel file = FileChannel.open(diskB, StandardOpenOption.WRITE)) {
        Awaitility.await()
            .pollInterval(Duration.ofMillis(1))
            .atMost(60, TimeUnit.SECONDS)
            .until(() -> {
              file.truncate(0);
              return b.ended().isDone();
            });
      }
      atA.await("NOT_PROTECTED");
      assertThat(a.status().reasonWord()).isEqualTo("backupLeft");
      atA.awaitNote("the backup leaves (HOST_FAILED)");
      assertThatThrownBy(() -> b.ended().get(60, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("this host cannot be a backup")
          .hasMessageContaining("disk0");
      assertThat(DiskMarker.read(diskB).orElseThrow().state()).isEqualTo(DiskMarker.State.STALE);
      int seen = rig.outside.size();
      rig.type(a, 5);
      rig.outside.await(seen + SOME_BYTES, 60);
      Rig.quit(a);
      assertThat(a.ended().get(60, TimeUnit.SECONDS).outcome())
          .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  @Test
  void aJoiningBackupHasNoRoomForTheDisk() throws Exception {
    Path diskA = Machines.image(folder.resolve("a.disk"), random);
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("small"), 64 << 10)) {
      Path diskB = sparse(small.root().resolve("b.disk"));
      refused(diskA, new TinySource(guest, diskB), folder.resolve("b-work"));
    }
  }

  @Test
  void aJoiningBackupHasNoRoomForTheCheckpoint() throws Exception {
    Path diskA = Machines.image(folder.resolve("a.disk"), random);
    Path diskB = Machines.image(folder.resolve("b.disk"), random);
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("small"), 64 << 10)) {
      refused(diskA, new TinySource(guest, diskB), small.root());
    }
  }

  /** The backup ends with words; the primary, whose guest runs, says so and goes on. */
  private void refused(Path diskA, TinySource sourceB, Path workB) throws Exception {
    Rig rig = new Rig(folder, random);
    try (Replica a = rig.alone("a", new TinySource(guest, diskA), atA)) {
      rig.outside.await(SOME_BYTES, 60);
      try (Replica b = rig.joining("b", sourceB, a, workB, atB)) {
        assertThatThrownBy(() -> b.ended().get(60, TimeUnit.SECONDS))
            .isInstanceOf(ExecutionException.class)
            .cause()
            .isInstanceOf(VmmException.class)
            .hasMessageContaining("this host cannot be a backup")
            .hasMessageContaining("No space left on device");
      }
      atA.awaitNote("No space left on device");
      atA.await("NOT_PROTECTED", 2);
      assertThat(a.status().reasonWord()).isEqualTo("joinFailed");
      int seen = rig.outside.size();
      rig.type(a, 5);
      rig.outside.await(seen + SOME_BYTES, 60);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  @Test
  void aPrimaryHasNoRoomForTheCheckpoint() throws Exception {
    Path diskA = Machines.image(folder.resolve("a.disk"), random);
    Path diskB = Machines.image(folder.resolve("b.disk"), random);
    Rig rig = new Rig(folder, random);
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("a"), 2 * ROOM_BYTES);
        Replica a = rig.alone("a", new TinySource(guest, diskA), atA)) {
      rig.outside.await(SOME_BYTES, 60);
      small.fill();
      try (Replica b =
          rig.joining("b", new TinySource(guest, diskB), a, folder.resolve("b"), atB)) {
        atA.awaitNote(
            "the checkpoint for the backup failed: the checkpoint could not be taken: No space left on device");
        assertThat(a.status().protection().word()).isNotEqualTo("protected");
        int seen = rig.outside.size();
        rig.outside.await(seen + SOME_BYTES, 60);
        // The backup asks on, and is taken as soon as there is room.
        small.free();
        atA.await("PROTECTED");
        Rig.quit(a);
        assertThat(b.ended().get(60, TimeUnit.SECONDS).outcome())
            .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      }
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  /** Markers are small, but they are written when a replica takes over: that must not fail for lack of room. */
  @Test
  void aBackupWithoutRoomForAMarkerTakesOver() throws Exception {
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("small"), ROOM_BYTES)) {
      Path diskA = Machines.image(folder.resolve("a.disk"), random);
      Path diskB = Machines.image(small.root().resolve("b.disk"), random);
      Rig rig = new Rig(folder, random);
      try (Replica b = rig.backup("b", new TinySource(guest, diskB), atB)) {
        Replica a = rig.primary("a", new TinySource(guest, diskA), b, atA);
        atA.await("PROTECTED");
        rig.outside.await(SOME_BYTES, 60);
        small.fill();
        long epoch = DiskMarker.read(diskB).orElseThrow().epoch();
        Rig.crash(a);
        atB.await("LIVE");
        int seen = rig.outside.size();
        rig.outside.await(seen + SOME_BYTES, 60);
        DiskMarker marker = DiskMarker.read(diskB).orElseThrow();
        assertThat(marker.state()).isEqualTo(DiskMarker.State.LIVE);
        assertThat(marker.epoch()).isGreaterThan(epoch);
        Rig.quit(b);
        b.ended().get(60, TimeUnit.SECONDS);
        assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
      }
    }
  }

  private static Path sparse(Path file) throws IOException {
    try (RandomAccessFile made = new RandomAccessFile(file.toFile(), "rw")) {
      made.setLength(DiskGuest.DISK_BYTES);
    }
    return file;
  }
}
