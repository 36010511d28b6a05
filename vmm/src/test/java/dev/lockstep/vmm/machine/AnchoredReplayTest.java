package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VmmException;
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
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Without a branch counter, guests that exit often are recorded and repeated exactly, on any engine; others as far as their log says. */
class AnchoredReplayTest {
  private static @Nullable MachineFactory kvm;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");

  private static MachineFactory factory(String engine) {
    if (engine.equals("soft")) {
      return Machines.FACTORY;
    }
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: anchored points are tested on soft only");
    MachineFactory found = kvm;
    if (found == null) {
      found = new MachineFactory("kvm", KvmEngine.ofThisHost());
      kvm = found;
    }
    return found;
  }

  private static MachineSpec spec(CpuModel model, MachineSpec.Pacing pacing) {
    return new MachineSpec(
        "test",
        model,
        BranchSemantics.ANCHORS,
        Machines.MEMORY,
        1_700_000_000_000_000_000L,
        pacing,
        1024,
        new TreeMap<>());
  }

  private static MachineSpec spec(String engine) {
    boolean slow = engine.equals("kvm") && !KvmEngine.ofThisHost().traits().ring0Native();
    return spec(CpuModel.LOCKSTEP_V1, slow ? MachineSpec.Pacing.FREE : MachineSpec.Pacing.HOST);
  }

  @ParameterizedTest
  @CsvSource({"soft, soft", "kvm, kvm", "kvm, soft", "soft, kvm"})
  void aGuestThatIdlesRepeatsExactly(String recorder, String replayer) throws Exception {
    repeat(recorder, replayer, 3);
  }

  @Tag("long")
  @ParameterizedTest
  @CsvSource({"kvm, kvm", "kvm, soft"})
  void aThousandRunsRepeatExactly(String recorder, String replayer) throws Exception {
    int runs = Integer.getInteger("campaign.runs", 1000);
    repeat(recorder, replayer, runs);
    System.out.printf(
        "campaign anchored points: %d of %d runs recorded on %s repeat exactly on %s, seed %d%n",
        runs, runs, recorder, replayer, seed);
  }

  private void repeat(String recorder, String replayer, int runs) throws Exception {
    System.out.println("AnchoredReplayTest seed " + seed);
    MachineSpec spec = spec(recorder);
    factory(replayer);
    for (int run = 0; run < runs; run++) {
      GuestLoader guest = Guests.clockworkWithoutCounter(2, 1 + random.nextInt(40));
      Path log = folder.resolve("log" + run);
      Machines.Console console = new Machines.Console();
      MachineEnd end;
      try (Machine machine = factory(recorder).create(spec, List.of(), guest)) {
        machine.start(new FileLogSink(log), new DirectGate(console), 1);
        for (int i = random.nextInt(8); i > 0; i--) {
          pause(random.nextInt(1_500_000));
          byte[] typed = {(byte) ('0' + random.nextInt(10))};
          machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, typed));
        }
        while (machine.status().branchCount() < 200) {
          pause(1_000_000);
        }
        machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
        end = Machines.await(machine);
      }
      assertThat(end.reason()).isEqualTo(EndReason.GUEST_EXIT);
      Machines.Console again = new Machines.Console();
      ReplayReport report = replay(factory(replayer), spec, guest, log, again);
      assertThat(report.divergence()).as("run %d, seed %d", run, seed).isNull();
      assertThat(report.identical()).as("run %d, seed %d: %s", run, seed, report).isTrue();
      assertThat(report.end()).isEqualTo(end);
      assertThat(again.toString()).isEqualTo(console.toString());
    }
  }

  private static ReplayReport replay(
      MachineFactory engine, MachineSpec spec, GuestLoader guest, Path log, OutputConsumer out) {
    try (Machine machine = engine.create(spec, List.of(), guest);
        FileLogSource source = new FileLogSource(log)) {
      return Replay.run(machine, source, new DirectGate(out));
    }
  }

  @ParameterizedTest
  @CsvSource({"soft", "kvm"})
  void aSpinnersLogSaysHowFarItIsCertain(String engine) throws Exception {
    MachineSpec spec = spec(engine);
    GuestLoader guest = Guests.spinner();
    Path log = folder.resolve("log");
    Machines.Console console = new Machines.Console();
    try (Machine machine = factory(engine).create(spec, List.of(), guest)) {
      machine.start(new FileLogSink(log), new DirectGate(console), 1);
      while (console.size() < 3) {
        pause(1_000_000);
      }
      // It spins now. What is typed reaches it all the same, and ends it.
      machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      assertThat(Machines.await(machine).reason()).isEqualTo(EndReason.GUEST_EXIT);
    }
    assertThat(console.toString()).startsWith("on!").endsWith("q");
    Machines.Console again = new Machines.Console();
    ReplayReport report = replay(factory(engine), spec, guest, log, again);
    assertThat(report.divergence()).isNull();
    assertThat(report.identical()).isFalse();
    assertThat(Objects.requireNonNull(report.end()).reason()).isEqualTo(EndReason.UNCERTAIN);
    assertThat(again.toString()).isEqualTo("on!");
  }

  @Test
  void aSpinnerThatNothingIsDueToStaysCertainUntilItIsStopped() throws Exception {
    MachineSpec spec = spec("soft");
    GuestLoader guest = Guests.spinner();
    Path log = folder.resolve("log");
    Machines.Console console = new Machines.Console();
    try (Machine machine = Machines.FACTORY.create(spec, List.of(), guest)) {
      machine.start(new FileLogSink(log), new DirectGate(console), 1);
      while (console.size() < 3) {
        pause(1_000_000);
      }
      machine.stop();
      assertThat(Machines.await(machine).reason()).isEqualTo(EndReason.STOPPED);
    }
    ReplayReport report = replay(Machines.FACTORY, spec, guest, log, new Machines.Console());
    assertThat(report.divergence()).isNull();
    assertThat(Objects.requireNonNull(report.end()).reason()).isEqualTo(EndReason.UNCERTAIN);
  }

  @Test
  void aTimeStampCounterIsRefused() {
    assertThatThrownBy(() ->
            Machines.FACTORY.create(
                spec(CpuModel.LOCKSTEP_V1_TSC, MachineSpec.Pacing.HOST), List.of(), Guests.exit(0)))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("lockstep-v1-tsc");
  }

  private static void pause(int nanos) throws InterruptedException {
    Thread.sleep(nanos / 1_000_000, nanos % 1_000_000);
  }
}
