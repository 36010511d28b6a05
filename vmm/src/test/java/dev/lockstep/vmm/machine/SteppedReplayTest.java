package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.counting.StepCountedVcpu;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.vmm.config.KvmEngine;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** On /dev/kvm with the stepping counter, recorded runs repeat exactly: there, and on the software CPU, which counts by itself. */
class SteppedReplayTest {
  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");

  @BeforeAll
  static void deviceIsThere() {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: recording with the stepping counter is not tested");
  }

  private static MachineFactory stepped() {
    KvmEngine kvm = KvmEngine.ofThisHost();
    return new MachineFactory(
        "kvm",
        (model, semantics, memory, tsc) ->
            new StepCountedVcpu(
                kvm.create(model, BranchSemantics.ALL_TRANSFERS, memory, tsc), memory, semantics));
  }

  private static MachineSpec spec(BranchSemantics semantics) {
    return new MachineSpec(
        "test",
        CpuModel.LOCKSTEP_V1,
        semantics,
        Machines.MEMORY,
        1_700_000_000_000_000_000L,
        MachineSpec.Pacing.FREE,
        1024,
        new TreeMap<>());
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void recordedRunsRepeatExactly(BranchSemantics semantics) throws Exception {
    System.out.println("SteppedReplayTest seed " + seed);
    repeat(stepped(), stepped(), spec(semantics), 2);
    repeat(stepped(), Machines.FACTORY, spec(semantics), 2);
  }

  @Tag("long")
  @ParameterizedTest
  @CsvSource({"kvm", "soft"})
  void aThousandRunsRepeatExactly(String replayer) throws Exception {
    int runs = Integer.getInteger("campaign.runs", 1000);
    MachineFactory kvm = stepped();
    repeat(
        kvm,
        replayer.equals("kvm") ? kvm : Machines.FACTORY,
        spec(BranchSemantics.ALL_TRANSFERS),
        runs);
    System.out.printf(
        "campaign stepping counter: %d of %d runs recorded on kvm repeat exactly on %s, seed %d%n",
        runs, runs, replayer, seed);
  }

  private void repeat(MachineFactory recorder, MachineFactory replayer, MachineSpec spec, int runs)
      throws Exception {
    for (int run = 0; run < runs; run++) {
      GuestLoader guest = Guests.clockworkWithoutCounter(2, 1 + random.nextInt(4));
      Path log = folder.resolve("log" + random.nextLong());
      Machines.Console console = new Machines.Console();
      MachineEnd end;
      try (Machine machine = recorder.create(spec, List.of(), guest)) {
        machine.start(new FileLogSink(log), new DirectGate(console), 1);
        for (int i = random.nextInt(5); i > 0; i--) {
          Thread.sleep(0, random.nextInt(999_999));
          byte[] typed = {(byte) ('0' + random.nextInt(10))};
          machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, typed));
        }
        while (machine.status().branchCount() < 150) {
          Thread.sleep(1);
        }
        machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
        end = Machines.await(machine);
      }
      assertThat(end.reason()).isEqualTo(EndReason.GUEST_EXIT);
      Machines.Console again = new Machines.Console();
      try (Machine machine = replayer.create(spec, List.of(), guest);
          FileLogSource source = new FileLogSource(log)) {
        ReplayReport report = Replay.run(machine, source, new DirectGate(again));
        assertThat(report.divergence()).as("run %d, seed %d", run, seed).isNull();
        assertThat(report.identical()).as("run %d, seed %d: %s", run, seed, report).isTrue();
        assertThat(report.end()).isEqualTo(end);
        assertThat(again.toString()).isEqualTo(console.toString());
      }
    }
  }
}
