package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.RecordedRuns.Recording;
import dev.lockstep.vmm.replay.Attempts;
import dev.lockstep.vmm.replay.Checkpoints;
import dev.lockstep.vmm.replay.FileLogSink;
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
  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");

  private RecordedRuns runs() {
    System.out.println("HardwareReplayTest seed " + seed);
    return new RecordedRuns(seed, random, folder);
  }

  @Test
  void recordedRunsRepeatExactly() throws Exception {
    campaign(12);
  }

  @Tag("long")
  @Test
  @Timeout(3600)
  void aThousandRunsRepeatExactly() throws Exception {
    int count = Integer.getInteger("campaign.runs", 1000);
    long branches = campaign(count);
    System.out.printf(
        "campaign hardware counter: %d of %d runs of %,d branches recorded by a modelled PMU repeat exactly by another and on soft, seed %d%n",
        count, count, branches, seed);
  }

  private long campaign(int count) throws Exception {
    RecordedRuns runs = runs();
    for (int run = 0; run < count; run++) {
      Recording recording = runs.record(ModelledHardware.random(random));
      assertThat(recording.end().reason()).isEqualTo(EndReason.GUEST_EXIT);
      runs.identical(recording, ModelledHardware.random(random), run);
      runs.identical(recording, Machines.FACTORY, run);
    }
    return runs.branches();
  }

  @Test
  void aTimerThatFiredLateEndsWhatIsCertain() throws Exception {
    RecordedRuns runs = runs();
    int uncertain = 0;
    for (int run = 0; run < 8; run++) {
      GuestLoader guest = Guests.clockworkWithoutCounter(2, 2000);
      Recording recording =
          runs.record(
              ModelledHardware.late(random.nextLong(), 3),
              RecordedRuns.spec(MachineSpec.Pacing.FREE),
              guest,
              0);
      Machines.Console again = new Machines.Console();
      ReplayReport report = RecordedRuns.replay(recording, Machines.FACTORY, again);
      assertThat(report.divergence()).as("run %d, seed %d", run, seed).isNull();
      assertThat(recording.output()).startsWith(again.toString());
      boolean cut = Objects.requireNonNull(report.end()).reason() == EndReason.UNCERTAIN;
      assertThat(cut || report.identical()).as("run %d, seed %d: %s", run, seed, report).isTrue();
      uncertain += cut ? 1 : 0;
    }
    assertThat(uncertain).as("seed %d", seed).isPositive();
  }

  @Test
  void aReplayThatWasOvershotBeginsAgainFromACheckpoint() throws Exception {
    RecordedRuns runs = runs();
    List<String> again = new ArrayList<>();
    int fromCheckpoints = 0;
    for (int run = 0; run < 6; run++) {
      Recording recording =
          runs.record(
              ModelledHardware.random(random),
              RecordedRuns.spec(MachineSpec.Pacing.FREE),
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
                    Checkpoints.before(recording.log(), new ReplayTarget.Entry(before));
                if (before == Long.MAX_VALUE || found.isEmpty()) {
                  return RecordedRuns.replay(recording, late, once);
                }
                restored[0]++;
                return RecordedRuns.replay(recording, found.getFirst(), late, once);
              });
      fromCheckpoints += restored[0];
      assertThat(report.divergence()).as("run %d, seed %d", run, seed).isNull();
      assertThat(report.identical()).as("run %d, seed %d: %s", run, seed, report).isTrue();
      assertThat(report.end()).isEqualTo(recording.end());
      assertThat(console.toString()).isEqualTo(recording.output());
    }
    System.out.printf(
        "%d replays began again, %d of them from a checkpoint%n", again.size(), fromCheckpoints);
    assertThat(again).as("seed %d", seed).isNotEmpty();
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
    MachineSpec spec = RecordedRuns.spec(MachineSpec.Pacing.HOST);
    Path log = folder.resolve("log");
    Machines.Console console = new Machines.Console();
    MachineEnd end;
    try (Machine machine = ModelledHardware.random(random).create(spec, List.of(), guest)) {
      machine.start(new FileLogSink(log), new DirectGate(console), 1);
      // It prints without a branch and spins: what it has put out is seen when somebody looks.
      RecordedRuns.pause(20_000_000);
      if (typed) {
        machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      } else {
        machine.stop();
      }
      end = Machines.await(machine);
    }
    assertThat(end.reason()).isEqualTo(typed ? EndReason.GUEST_EXIT : EndReason.STOPPED);
    assertThat(console.toString()).isEqualTo(typed ? "on!q" : "on!");
    for (MachineFactory replayer : List.of(ModelledHardware.random(random), Machines.FACTORY)) {
      ReplayReport report =
          RecordedRuns.replay(
              new Recording(spec, guest, log, end, ""), replayer, (stream, offset, bytes) -> {});
      assertThat(report.divergence()).isNull();
      assertThat(Objects.requireNonNull(report.end()).reason()).isEqualTo(EndReason.UNCERTAIN);
    }
  }

  @Test
  void aDeafSpinnersOutputIsSeen() throws Exception {
    Machines.Console console = new Machines.Console();
    try (Machine machine =
        ModelledHardware.random(random)
            .create(
                RecordedRuns.spec(MachineSpec.Pacing.HOST), List.of(), ConditionalGuests.deaf())) {
      machine.start(new FileLogSink(folder.resolve("log")), new DirectGate(console), 1);
      while (console.size() < 2) {
        RecordedRuns.pause(1_000_000);
        // Stands for the signal by which the kernel ends a run that takes too long.
        machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'x'}));
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
    runs().identical(new Recording(spec, guest, log, end, ""), Machines.FACTORY, 0);
    if (semantics == BranchSemantics.CONDITIONAL) {
      runs()
          .identical(new Recording(spec, guest, log, end, ""), ModelledHardware.random(random), 0);
    }
  }
}
