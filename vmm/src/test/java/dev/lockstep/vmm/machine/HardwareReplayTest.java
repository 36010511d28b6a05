package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.replay.Attempts;
import dev.lockstep.vmm.replay.Checkpoints;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is recorded by a hardware counter of conditional branches repeats exactly by another one, and on soft; or it says how far. The PMU is a modelled one. */
@Timeout(300)
class HardwareReplayTest {
  private static final long LEAST_BRANCHES = 50_000;
  private static final int MOST_PAUSES = 200;

  private final long seed = Long.getLong("campaign.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private long branches;
  @TempDir Path folder = Path.of("unset");

  private static MachineSpec spec(MachineSpec.Pacing pacing) {
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

  private record Recording(
      MachineSpec spec, GuestLoader guest, Path log, MachineEnd end, String output) {}

  @Test
  void recordedRunsRepeatExactly() throws Exception {
    campaign(12);
  }

  @Tag("long")
  @Test
  @Timeout(3600)
  void aThousandRunsRepeatExactly() throws Exception {
    int runs = Integer.getInteger("campaign.runs", 1000);
    campaign(runs);
    System.out.printf(
        "campaign hardware counter: %d of %d runs of %,d branches recorded by a modelled PMU repeat exactly by another and on soft, seed %d%n",
        runs, runs, branches, seed);
  }

  private void campaign(int runs) throws Exception {
    System.out.println("HardwareReplayTest seed " + seed);
    for (int run = 0; run < runs; run++) {
      GuestLoader guest =
          switch (random.nextInt(6)) {
            case 0 -> ConditionalGuests.idle();
            case 1 -> ConditionalGuests.rounds();
            case 2 -> Guests.clockworkWithoutCounter(2, 1 + random.nextInt(400));
            default -> ConditionalGuests.random(random);
          };
      MachineSpec.Pacing pacing =
          random.nextBoolean() ? MachineSpec.Pacing.HOST : MachineSpec.Pacing.FREE;
      Recording recording = record(ModelledHardware.random(random), spec(pacing), guest, 0);
      assertThat(recording.end.reason()).isEqualTo(EndReason.GUEST_EXIT);
      identical(recording, ModelledHardware.random(random), run);
      identical(recording, Machines.FACTORY, run);
    }
  }

  /** Types at random moments, then a 'q'. */
  private Recording record(
      MachineFactory recorder, MachineSpec spec, GuestLoader guest, int checkpoints)
      throws Exception {
    Path log = folder.resolve("log" + random.nextLong());
    Machines.Console console = new Machines.Console();
    try (Machine machine = recorder.create(spec, List.of(), guest)) {
      machine.start(new FileLogSink(log), new DirectGate(console), 1);
      for (int i = 3 + random.nextInt(8); i > 0; i--) {
        pause(random.nextInt(3_000_000));
        byte[] typed = {(byte) ('0' + random.nextInt(10))};
        machine.inject(new MachineInput.ConsoleBytes(Board.UART0, typed));
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
      machine.inject(new MachineInput.ConsoleBytes(Board.UART0, new byte[] {'q'}));
      return new Recording(spec, guest, log, Machines.await(machine), console.toString());
    }
  }

  private void identical(Recording recording, MachineFactory replayer, int run) {
    Machines.Console again = new Machines.Console();
    ReplayReport report = replay(recording, replayer, again);
    assertThat(report.divergence()).as("run %d, seed %d", run, seed).isNull();
    assertThat(report.identical()).as("run %d, seed %d: %s", run, seed, report).isTrue();
    assertThat(report.end()).isEqualTo(recording.end);
    assertThat(again.toString()).isEqualTo(recording.output);
  }

  private static ReplayReport replay(Recording of, MachineFactory replayer, OutputConsumer out) {
    try (Machine machine = replayer.create(of.spec, List.of(), of.guest);
        FileLogSource source = new FileLogSource(of.log)) {
      return Replay.run(machine, source, new DirectGate(out));
    }
  }

  @Test
  void aTimerThatFiredLateEndsWhatIsCertain() throws Exception {
    System.out.println("HardwareReplayTest seed " + seed);
    int uncertain = 0;
    for (int run = 0; run < 8; run++) {
      GuestLoader guest = Guests.clockworkWithoutCounter(2, 2000);
      Recording recording =
          record(
              ModelledHardware.late(random.nextLong(), 3), spec(MachineSpec.Pacing.FREE), guest, 0);
      Machines.Console again = new Machines.Console();
      ReplayReport report = replay(recording, Machines.FACTORY, again);
      assertThat(report.divergence()).as("run %d, seed %d", run, seed).isNull();
      assertThat(recording.output).startsWith(again.toString());
      boolean cut = Objects.requireNonNull(report.end()).reason() == EndReason.UNCERTAIN;
      assertThat(cut || report.identical()).as("run %d, seed %d: %s", run, seed, report).isTrue();
      uncertain += cut ? 1 : 0;
    }
    assertThat(uncertain).as("seed %d", seed).isPositive();
  }

  @Test
  void aReplayThatWasOvershotBeginsAgainFromACheckpoint() throws Exception {
    System.out.println("HardwareReplayTest seed " + seed);
    List<String> again = new ArrayList<>();
    int fromCheckpoints = 0;
    for (int run = 0; run < 6; run++) {
      Recording recording =
          record(
              ModelledHardware.random(random),
              spec(MachineSpec.Pacing.FREE),
              Guests.clockworkWithoutCounter(2, 2000),
              3);
      MachineFactory late = ModelledHardware.late(random.nextLong(), 8);
      Machines.Console console = new Machines.Console();
      OutputConsumer once = Attempts.once(console);
      int[] restored = {0};
      ReplayReport report =
          new Attempts(again::add)
              .run(before -> {
                List<Checkpoints.Checkpoint> found =
                    Checkpoints.before(recording.log, new ReplayTarget.Entry(before));
                if (before == Long.MAX_VALUE || found.isEmpty()) {
                  return replay(recording, late, once);
                }
                restored[0]++;
                return from(found.getFirst(), recording, late, once);
              });
      fromCheckpoints += restored[0];
      assertThat(report.divergence()).as("run %d, seed %d", run, seed).isNull();
      assertThat(report.identical()).as("run %d, seed %d: %s", run, seed, report).isTrue();
      assertThat(report.end()).isEqualTo(recording.end);
      assertThat(console.toString()).isEqualTo(recording.output);
    }
    System.out.printf(
        "%d replays began again, %d of them from a checkpoint%n", again.size(), fromCheckpoints);
    assertThat(again).as("seed %d", seed).isNotEmpty();
  }

  private static ReplayReport from(
      Checkpoints.Checkpoint checkpoint,
      Recording of,
      MachineFactory replayer,
      OutputConsumer out) {
    try (Machine machine = replayer.restore(of.spec, List.of(), checkpoint.file());
        FileLogSource source = new FileLogSource(of.log, checkpoint.sequence())) {
      return Replay.run(machine, source, new DirectGate(out));
    }
  }

  @Test
  void aCounterThatIsAlwaysLateIsRefusedInTheEnd() {
    List<String> notes = new ArrayList<>();
    assertThatThrownBy(() ->
            new Attempts(notes::add)
                .run(before -> {
                  throw new OvershotException(7, 1000, 50);
                }))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("begun 8 times")
        .hasMessageContaining("log entry 7");
    assertThat(notes).hasSize(Attempts.MAX - 1);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aSpinnerWithoutBranchesSaysHowFarItIsCertain(boolean typed) throws Exception {
    GuestLoader guest = Guests.spinner();
    MachineSpec spec = spec(MachineSpec.Pacing.HOST);
    Path log = folder.resolve("log");
    Machines.Console console = new Machines.Console();
    MachineEnd end;
    try (Machine machine = ModelledHardware.random(random).create(spec, List.of(), guest)) {
      machine.start(new FileLogSink(log), new DirectGate(console), 1);
      // It prints without a branch and spins: what it has put out is seen when somebody looks.
      pause(20_000_000);
      if (typed) {
        machine.inject(new MachineInput.ConsoleBytes(Board.UART0, new byte[] {'q'}));
      } else {
        machine.stop();
      }
      end = Machines.await(machine);
    }
    assertThat(end.reason()).isEqualTo(typed ? EndReason.GUEST_EXIT : EndReason.STOPPED);
    assertThat(console.toString()).isEqualTo(typed ? "on!q" : "on!");
    for (MachineFactory replayer : List.of(ModelledHardware.random(random), Machines.FACTORY)) {
      ReplayReport report =
          replay(new Recording(spec, guest, log, end, ""), replayer, (stream, offset, bytes) -> {});
      assertThat(report.divergence()).isNull();
      assertThat(Objects.requireNonNull(report.end()).reason()).isEqualTo(EndReason.UNCERTAIN);
    }
  }

  @Test
  void aDeafSpinnersOutputIsSeen() throws Exception {
    Machines.Console console = new Machines.Console();
    try (Machine machine =
        ModelledHardware.random(random)
            .create(spec(MachineSpec.Pacing.HOST), List.of(), ConditionalGuests.deaf())) {
      machine.start(new FileLogSink(folder.resolve("log")), new DirectGate(console), 1);
      while (console.size() < 2) {
        pause(1_000_000);
        // Stands for the signal by which the kernel ends a run that takes too long.
        machine.inject(new MachineInput.ConsoleBytes(Board.UART0, new byte[] {'x'}));
      }
      machine.stop();
      assertThat(Machines.await(machine).reason()).isEqualTo(EndReason.STOPPED);
    }
    assertThat(console.toString()).isEqualTo("on");
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void aPointBeforeAHaltAndAnEndIsNotTakenForThem(BranchSemantics semantics) throws Exception {
    MachineSpec spec =
        new MachineSpec(
            "test",
            CpuModel.LOCKSTEP_V1,
            semantics,
            Machines.MEMORY,
            0,
            MachineSpec.Pacing.FREE,
            1024,
            new TreeMap<>());
    GuestLoader guest = ConditionalGuests.halfKnown();
    Path log = folder.resolve("log");
    MachineEnd end;
    try (Machine machine = Machines.create(spec, guest)) {
      machine.start(new FileLogSink(log), new DirectGate((stream, offset, bytes) -> {}), 1);
      end = Machines.await(machine);
    }
    assertThat(end.reason()).isEqualTo(EndReason.TRIPLE_FAULT);
    identical(new Recording(spec, guest, log, end, ""), Machines.FACTORY, 0);
    if (semantics == BranchSemantics.CONDITIONAL) {
      identical(new Recording(spec, guest, log, end, ""), ModelledHardware.random(random), 0);
    }
  }

  private static void pause(int nanos) throws InterruptedException {
    Thread.sleep(nanos / 1_000_000, nanos % 1_000_000);
  }
}
