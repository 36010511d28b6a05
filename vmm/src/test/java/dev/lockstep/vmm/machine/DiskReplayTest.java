package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A guest whose output depends on what its disk held and on when each request completed. */
class DiskReplayTest {
  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");

  @ParameterizedTest
  @EnumSource(Pacing.class)
  void aRunWithDiskReplaysIdentically(Pacing pacing) throws Exception {
    System.out.println("DiskReplayTest seed " + seed);
    MachineSpec spec = Machines.spec(pacing);
    Path before = Machines.image(folder.resolve("before"), random);
    Path recorded = Machines.copy(before, "recorded");
    Machines.Console console = new Machines.Console();
    MachineEnd end;
    List<Base> bases = new ArrayList<>();
    FileLogSink sink = new FileLogSink(folder.resolve("log"));
    try (Machine machine = Machines.withDisk(spec, recorded)) {
      machine.start(sink, new DirectGate(console), 1);
      for (int i = 0; i < 20; i++) {
        Thread.sleep(random.nextInt(10));
        machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'x'}));
        if (i % 7 == 3) {
          bases.add(base(machine, recorded, i));
        }
      }
      machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      end = Machines.await(machine);
      System.out.printf(
          "%s: %d entries, %d bytes of log%n",
          pacing, machine.status().entries(), sink.bytesWritten());
    }
    assertThat(Files.mismatch(before, recorded)).as("the guest wrote to its disk").isNotNegative();
    for (int i = 0; i < 3; i++) {
      Path own = Machines.copy(before, "own" + i);
      replayed(spec, own, console.toString(), end);
      assertThat(Files.mismatch(own, recorded)).as("seed %d", seed).isEqualTo(-1);
    }
    for (Base base : bases) {
      continued(spec, base, end);
      assertThat(Files.mismatch(base.disk, recorded)).as("seed %d", seed).isEqualTo(-1);
    }
  }

  /** A snapshot, and the disk as it was then. */
  private record Base(SnapshotInfo snapshot, Path disk) {}

  private Base base(Machine machine, Path image, int number) throws Exception {
    machine.pause().get(10, TimeUnit.SECONDS);
    SnapshotInfo snapshot = machine.snapshot(folder.resolve("snapshot" + number)).get();
    Path disk = Machines.copy(image, "disk" + number);
    machine.resume();
    return new Base(snapshot, disk);
  }

  private void continued(MachineSpec spec, Base base, MachineEnd end) {
    try (Machine machine =
            Machines.FACTORY.restore(
                spec, List.of(Machines.disk(base.disk)), base.snapshot.file());
        FileLogSource source = new FileLogSource(folder.resolve("log"), base.snapshot.sequence())) {
      ReplayReport report = Replay.run(machine, source, new DirectGate((s, o, b) -> {}));
      assertThat(report.divergence()).as("seed %d", seed).isNull();
      assertThat(report.identical()).isTrue();
      assertThat(report.end()).isEqualTo(end);
    }
  }

  @Test
  void aReplicaWithAnotherDiskIsRefusedByName() throws Exception {
    MachineSpec spec = Machines.spec(Pacing.FREE);
    Path recorded = Machines.image(folder.resolve("recorded"), random);
    Path other = Machines.image(folder.resolve("other"), random);
    record(spec, recorded, 3);
    try (Machine machine = Machines.withDisk(spec, other);
        FileLogSource source = new FileLogSource(folder.resolve("log"))) {
      assertThatThrownBy(() -> Replay.run(machine, source, new DirectGate((s, o, b) -> {})))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("content of disk 'vda'");
    }
  }

  @Test
  void anotherGuestIsRefusedByName() throws Exception {
    MachineSpec spec = Machines.spec(Pacing.FREE);
    Path recorded = Machines.image(folder.resolve("recorded"), random);
    Path before = Machines.copy(recorded, "before");
    record(spec, recorded, 3);
    try (Machine machine =
            Machines.FACTORY.create(spec, List.of(Machines.disk(before)), Guests.clockwork(8));
        FileLogSource source = new FileLogSource(folder.resolve("log"))) {
      assertThatThrownBy(() -> Replay.run(machine, source, new DirectGate((s, o, b) -> {})))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("initial state");
    }
  }

  @RepeatedTest(3)
  void theBackupFinishesThePrimarysRequestsOnItsOwnDisk() throws Exception {
    System.out.println("DiskReplayTest seed " + seed);
    MachineSpec spec = Machines.spec(Pacing.HOST);
    Path first = Machines.image(folder.resolve("first"), random);
    Path second = Machines.copy(first, "second");
    GoLiveTest.ByOffset outside = new GoLiveTest.ByOffset();
    CommitGate primaryGate = CommitGate.guarded(outside, 1 << 20, 10_000_000_000L);
    CommitGate backupGate = CommitGate.following(outside, 1 << 20, 10_000_000_000L);
    StreamLog stream = new StreamLog(primaryGate::committed);
    Base base;
    MachineEnd end;
    try (Machine primary = Machines.withDisk(spec, first);
        Machine backup = Machines.withDisk(spec, second)) {
      primary.start(stream, primaryGate, 1);
      backup.follow(stream, backupGate, MachineMode.FOLLOW);
      Thread.sleep(20 + random.nextInt(60));
      stream.cut();
      primary.kill();
      backup.goLive(new FileLogSink(folder.resolve("log")), 2).get(60, TimeUnit.SECONDS);
      base = base(backup, second, 0);
      Thread.sleep(30);
      backup.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      end = Machines.await(backup);
      assertThat(outside.size()).isPositive();
    }
    continued(spec, base, end);
    assertThat(Files.mismatch(base.disk, second)).as("seed %d", seed).isEqualTo(-1);
  }

  private void record(MachineSpec spec, Path image, int inputs) throws Exception {
    try (Machine machine = Machines.withDisk(spec, image)) {
      machine.start(new FileLogSink(folder.resolve("log")), new DirectGate((s, o, b) -> {}), 1);
      Thread.sleep(inputs);
      machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      Machines.await(machine);
    }
  }

  private void replayed(MachineSpec spec, Path image, String output, MachineEnd end) {
    Machines.Console console = new Machines.Console();
    try (Machine machine = Machines.withDisk(spec, image);
        FileLogSource source = new FileLogSource(folder.resolve("log"))) {
      ReplayReport report = Replay.run(machine, source, new DirectGate(console));
      assertThat(report.divergence()).as("seed %d", seed).isNull();
      assertThat(report.identical()).isTrue();
      assertThat(report.end()).isEqualTo(end);
      assertThat(console.toString()).isEqualTo(output);
    }
  }
}
