package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.vmm.replay.Checkpoints;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;

/** Random guests, recorded by conditional branches with what is typed at random moments, and replayed. */
final class RecordedRuns {
  private static final long LEAST_BRANCHES = 50_000;
  private static final int MOST_PAUSES = 200;

  private final long seed;
  private final Random random;
  private final Path folder;
  private long branches;

  RecordedRuns(long seed, Random random, Path folder) {
    this.seed = seed;
    this.random = random;
    this.folder = folder;
  }

  /** One that was recorded. */
  record Recording(MachineSpec spec, GuestLoader guest, Path log, MachineEnd end, String output) {}

  static MachineSpec spec(MachineSpec.Pacing pacing) {
    return new MachineSpec(
        "test",
        CpuModel.LOCKSTEP_V1,
        BranchSemantics.CONDITIONAL,
        Machines.MEMORY,
        1_700_000_000_000_000_000L,
        pacing,
        1024,
        new TreeMap<>());
  }

  /** Branches of all that were recorded. */
  long branches() {
    return branches;
  }

  /** A random guest, recorded at a random pacing. */
  Recording record(MachineFactory recorder) throws Exception {
    GuestLoader guest =
        switch (random.nextInt(6)) {
          case 0 -> ConditionalGuests.idle();
          case 1 -> ConditionalGuests.rounds();
          case 2 -> Guests.clockworkWithoutCounter(2, 1 + random.nextInt(400));
          default -> ConditionalGuests.random(random);
        };
    MachineSpec.Pacing pacing =
        random.nextBoolean() ? MachineSpec.Pacing.HOST : MachineSpec.Pacing.FREE;
    return record(recorder, spec(pacing), guest, 0);
  }

  /** Types at random moments, then a 'q'. */
  Recording record(MachineFactory recorder, MachineSpec spec, GuestLoader guest, int checkpoints)
      throws Exception {
    Path log = folder.resolve("log" + random.nextLong());
    Machines.Console console = new Machines.Console();
    try (Machine machine = recorder.create(spec, List.of(), guest)) {
      machine.start(new FileLogSink(log), new DirectGate(console), 1);
      for (int i = 3 + random.nextInt(8); i > 0; i--) {
        pause(random.nextInt(3_000_000));
        byte[] typed = {(byte) ('0' + random.nextInt(10))};
        machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, typed));
      }
      for (int i = 0; i < checkpoints; i++) {
        pause(random.nextInt(3_000_000));
        assertThat(machine.checkpoint(sequence -> Checkpoints.file(log, sequence)).get())
            .isPresent();
      }
      long least = random.nextLong(LEAST_BRANCHES);
      // A guest without branches never comes there.
      for (int i = 0; i < MOST_PAUSES && machine.status().branchCount() < least; i++) {
        pause(1_000_000);
      }
      branches += machine.status().branchCount();
      machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      return new Recording(spec, guest, log, Machines.await(machine), console.toString());
    }
  }

  /** Replays one whole, and compares. */
  void identical(Recording recording, MachineFactory replayer, int run) {
    Machines.Console again = new Machines.Console();
    identical(recording, replay(recording, replayer, again), again, run);
  }

  /** What came of a replay is what was recorded. */
  void identical(Recording recording, ReplayReport report, Machines.Console again, int run) {
    assertThat(report.divergence()).as("run %d, seed %d", run, seed).isNull();
    assertThat(report.identical()).as("run %d, seed %d: %s", run, seed, report).isTrue();
    assertThat(report.end()).isEqualTo(recording.end);
    assertThat(again.toString()).isEqualTo(recording.output);
  }

  static ReplayReport replay(Recording of, MachineFactory replayer, OutputConsumer out) {
    try (Machine machine = replayer.create(of.spec, List.of(), of.guest);
        FileLogSource source = new FileLogSource(of.log)) {
      return Replay.run(machine, source, new DirectGate(out));
    }
  }

  /** The same from a checkpoint on. */
  static ReplayReport replay(
      Recording of,
      Checkpoints.Checkpoint checkpoint,
      MachineFactory replayer,
      OutputConsumer out) {
    try (Machine machine = replayer.restore(of.spec, List.of(), checkpoint.file());
        FileLogSource source = new FileLogSource(of.log, checkpoint.sequence())) {
      return Replay.run(machine, source, new DirectGate(out));
    }
  }

  static void pause(int nanos) throws InterruptedException {
    Thread.sleep(nanos / 1_000_000, nanos % 1_000_000);
  }
}
