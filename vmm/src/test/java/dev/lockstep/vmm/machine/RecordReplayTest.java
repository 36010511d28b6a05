package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever happens to a live machine, its log repeats it. */
class RecordReplayTest {
  private static final long LEAST_BRANCHES = 300_000;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");

  @ParameterizedTest
  @EnumSource(Pacing.class)
  void aRecordedRunReplaysIdentically(Pacing pacing) throws Exception {
    MachineSpec spec = Machines.spec(pacing);
    Recording recording = record(spec, folder.resolve("log"), 40, 0);
    for (int i = 0; i < 5; i++) {
      replayed(spec, recording);
    }
  }

  @Test
  void countingConditionalBranchesOnlyWorksToo() throws Exception {
    MachineSpec spec = Machines.spec(Pacing.HOST, BranchSemantics.CONDITIONAL);
    Recording recording = record(spec, folder.resolve("log"), 20, 0);
    replayed(spec, recording);
  }

  @Test
  void snapshotsChangeNothingAndContinueIdentically() throws Exception {
    MachineSpec spec = Machines.spec(Pacing.HOST);
    Recording recording = record(spec, folder.resolve("log"), 40, 5);
    replayed(spec, recording);
    assertThat(recording.snapshots).isNotEmpty();
    for (SnapshotInfo snapshot : recording.snapshots) {
      try (Machine machine = Machines.FACTORY.restore(spec, List.of(), snapshot.file());
          FileLogSource source = new FileLogSource(recording.log, snapshot.sequence())) {
        List<byte[]> rest = new ArrayList<>();
        ReplayReport report =
            Replay.run(machine, source, new DirectGate((stream, offset, bytes) -> rest.add(bytes)));
        assertThat(report.divergence()).as("seed %d", seed).isNull();
        assertThat(report.identical()).isTrue();
        assertThat(report.end()).isEqualTo(recording.end);
        String tail = "";
        for (byte[] bytes : rest) {
          tail += new String(bytes, StandardCharsets.ISO_8859_1);
        }
        assertThat(recording.output).endsWith(tail);
      }
    }
  }

  @Test
  void snapshotsTakenWhileReplayingChangeNothing() throws Exception {
    MachineSpec spec = Machines.spec(Pacing.FREE);
    Recording recording = record(spec, folder.resolve("log"), 40, 0);
    Path file = folder.resolve("snapshot");
    try (Machine machine = Machines.create(spec, Guests.clockwork(8));
        FileLogSource source = new FileLogSource(recording.log)) {
      Machines.Console console = new Machines.Console();
      machine.follow(source, new DirectGate(console), MachineMode.REPLAY);
      List<SnapshotInfo> taken = new ArrayList<>();
      while (!machine.ended().isDone()) {
        taken.add(machine.snapshot(file.resolveSibling("snapshot" + taken.size())).get());
      }
      assertThat(Machines.await(machine)).as("seed %d", seed).isEqualTo(recording.end);
      assertThat(console.toString()).isEqualTo(recording.output);
      System.out.printf("%d snapshots while replaying%n", taken.size());
    }
  }

  record Recording(Path log, MachineEnd end, String output, List<SnapshotInfo> snapshots) {}

  /** Types random bytes at random moments, then quits. */
  Recording record(MachineSpec spec, Path log, int inputs, int snapshots) throws Exception {
    System.out.println("RecordReplayTest seed " + seed);
    Machines.Console console = new Machines.Console();
    List<SnapshotInfo> taken = new ArrayList<>();
    FileLogSink sink = new FileLogSink(log);
    try (Machine machine = Machines.create(spec, Guests.clockwork(8))) {
      machine.start(sink, new DirectGate(console), 1);
      for (int i = 0; i < inputs; i++) {
        pause(random.nextInt(3_000_000));
        byte[] typed = new byte[1 + random.nextInt(20)];
        for (int j = 0; j < typed.length; j++) {
          typed[j] = (byte) ('0' + random.nextInt(10));
        }
        machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, typed));
        if (random.nextInt(10) == 0) {
          machine.pause().get(10, TimeUnit.SECONDS);
          machine.resume();
        }
        if (taken.size() < snapshots && random.nextInt(4) == 0) {
          taken.add(machine.snapshot(folder.resolve("snapshot" + taken.size())).get());
        }
      }
      while (machine.status().branchCount() < LEAST_BRANCHES) {
        pause(1_000_000);
      }
      machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      MachineEnd end = Machines.await(machine);
      assertThat(end.reason()).isEqualTo(EndReason.GUEST_EXIT);
      MachineStatus status = machine.status();
      System.out.printf(
          "%s: %d entries, %d bytes of log, %d branches, %d instructions, %d bytes out%n",
          spec.pacing(),
          status.entries(),
          sink.bytesWritten(),
          status.branchCount(),
          status.instructions(),
          status.outputBytes());
      return new Recording(log, end, console.toString(), taken);
    }
  }

  private void replayed(MachineSpec spec, Recording recording) {
    Machines.Console console = new Machines.Console();
    try (Machine machine = Machines.create(spec, Guests.clockwork(8));
        FileLogSource source = new FileLogSource(recording.log)) {
      ReplayReport report = Replay.run(machine, source, new DirectGate(console));
      assertThat(report.divergence()).as("seed %d", seed).isNull();
      assertThat(report.identical()).as("seed %d", seed).isTrue();
      assertThat(report.end()).isEqualTo(recording.end);
      assertThat(console.toString()).isEqualTo(recording.output);
    }
  }

  private static void pause(int nanos) throws InterruptedException {
    Thread.sleep(nanos / 1_000_000, nanos % 1_000_000);
  }
}
