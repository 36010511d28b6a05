package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.disk.SmallFileSystem;
import dev.lockstep.vmm.log.EventLogReader;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.replay.DiskFailureNotes;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A machine's log, snapshot or disk marker has no room: what was written before is good, nothing half stays behind, and it is said what is to be done. */
@Timeout(120)
class FullFileSystemTest {
  private static final int ROOM_BYTES = 256 << 10;

  private final MachineSpec spec = Machines.spec(Pacing.FREE);
  @TempDir Path folder = Path.of("unset");

  @Test
  void aRecordingEndsAndIsGoodAsFarAsItWent() throws Exception {
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("small"), ROOM_BYTES)) {
      Path log = small.root().resolve("log");
      try (Machine machine = Machines.create(spec, Guests.clockwork(1))) {
        machine.start(new FileLogSink(log), new DirectGate((s, o, b) -> {}), 1);
        assertThatThrownBy(() -> Machines.await(machine))
            .cause()
            .isInstanceOf(VmmException.class)
            .hasMessageContaining("cannot write the event log")
            .hasMessageContaining("No space left on device")
            .extracting(it -> ((VmmException) it).advice())
            .asString()
            .contains("Free space");
      }
      EventLogReader.cutTornTail(log);
      try (Machine machine = Machines.create(spec, Guests.clockwork(1));
          FileLogSource source = new FileLogSource(log)) {
        ReplayReport report = Replay.run(machine, source, new DirectGate((s, o, b) -> {}));
        assertThat(report.divergence()).isNull();
        assertThat(machine.status().entries()).as("entries that were kept").isGreaterThan(1_000);
      }
    }
  }

  @Test
  void aSnapshotThatHasNoRoomLeavesNothingBehind() throws Exception {
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("small"), ROOM_BYTES);
        Machine machine = Machines.create(spec, Guests.clockwork(8))) {
      machine.start(LogSink.NONE, new DirectGate((s, o, b) -> {}), 1);
      small.fill();
      assertThatThrownBy(() -> machine.snapshot(small.root().resolve("snapshot")).get())
          .cause()
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("cannot write the snapshot")
          .hasMessageContaining("No space left on device");
      try (Stream<Path> left = Files.list(small.root())) {
        assertThat(left.map(it -> it.getFileName().toString())).containsExactly("filler");
      }
      Path elsewhere = folder.resolve("snapshot");
      machine.snapshot(elsewhere).get();
      assertThat(elsewhere).as("the machine goes on").exists();
    }
  }

  @Test
  void aFullDiskOfAMachineAloneIsToldOnceAMinute() throws Exception {
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("small"), ROOM_BYTES)) {
      Path image = small.root().resolve("disk");
      try (RandomAccessFile sparse = new RandomAccessFile(image.toFile(), "rw")) {
        sparse.setLength(DiskGuest.DISK_BYTES);
      }
      BlockingQueue<String> notes = new LinkedBlockingQueue<>();
      Machines.Console console = new Machines.Console();
      try (Machine machine = Machines.withDisk(spec, image)) {
        small.fill();
        machine.start(new DiskFailureNotes(notes::add), new DirectGate(console), 1);
        assertThat(notes.poll(60, TimeUnit.SECONDS))
            .contains("WRITE", image.toString(), "No space left on device")
            .endsWith("the guest sees an I/O error");
        int seen = console.toString().length();
        await().until(() -> console.toString().length() > seen + 200);
        assertThat(notes).as("hundreds of requests later").isEmpty();
      }
    }
  }

  @Test
  void aMarkerIsWrittenOverTheOldOne() throws Exception {
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("small"), ROOM_BYTES)) {
      Path image = small.root().resolve("disk");
      new DiskMarker("vm", 1_000_000, DiskMarker.State.IN_SYNC).write(image);
      small.fill();
      for (DiskMarker next :
          new DiskMarker[] {
            new DiskMarker("vm", 1_000_001, DiskMarker.State.LIVE),
            new DiskMarker("vm", 2, DiskMarker.State.STALE)
          }) {
        next.write(image);
        assertThat(DiskMarker.read(image)).isEqualTo(Optional.of(next));
      }
      small.makeReadOnly();
      assertThatThrownBy(() -> new DiskMarker("vm", 3, DiskMarker.State.LIVE).write(image))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("Read-only file system");
      assertThat(DiskMarker.read(image).orElseThrow().epoch()).isEqualTo(2);
    }
  }
}
