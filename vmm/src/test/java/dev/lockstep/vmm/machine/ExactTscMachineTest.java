package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.vmm.config.KvmEngine;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import dev.lockstep.vmm.tsc.ExactTsc;
import dev.lockstep.vmm.tsc.PatchedGuest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A small kernel, patched as Linux is, in machines of both engines: what it sees is what it would see unpatched, and its log repeats. */
class ExactTscMachineTest {
  private static final int ROUNDS = 40;
  private static final int READS = 50;

  @TempDir Path folder = Path.of("unset");

  private final ExactTsc exact = new ExactTsc();

  private static Machine soft(MachineSpec spec, ExactTsc exact, int rounds, int reads) {
    return Machines.FACTORY.create(spec, List.of(), new PatchedGuest(exact, rounds, reads), exact);
  }

  private record Run(MachineEnd end, String console) {}

  private static Run run(Machine machine, LogSink sink) throws Exception {
    Machines.Console console = new Machines.Console();
    machine.start(sink, new DirectGate(console), 1);
    return new Run(Machines.await(machine), console.toString());
  }

  @Test
  void kernelModuleAndProgramsReadTheMachinesTime() throws Exception {
    try (Machine machine = soft(Machines.spec(Pacing.FREE), exact, ROUNDS, READS)) {
      Run run = run(machine, LogSink.NONE);
      assertThat(run.end().exitCode()).as(run.console()).isEqualTo(PatchedGuest.EXIT_CODE);
      // TSD as the kernel wrote it, its module, its program's own faults; at last it forbids the
      // counter itself, and the program's first read is its fault.
      assertThat(run.console()).matches("-d-[a-p]M(G[a-p]){%d}dG[a-p]d".formatted(ROUNDS));
      assertThat(exact.counts()).isEqualTo(new ExactTsc.Counts((long) ROUNDS * READS, 0, 5, 1, 3));
    }
  }

  @Test
  void aRecordedRunReplaysIdentically() throws Exception {
    MachineSpec spec = Machines.spec(Pacing.HOST);
    Path log = folder.resolve("log");
    Run recorded;
    try (Machine machine = soft(spec, exact, ROUNDS, READS)) {
      recorded = run(machine, new FileLogSink(log));
    }
    ExactTsc again = new ExactTsc();
    Machines.Console console = new Machines.Console();
    Path file = folder.resolve("snapshot");
    List<SnapshotInfo> taken = new ArrayList<>();
    try (Machine machine = soft(spec, again, ROUNDS, READS);
        FileLogSource source = new FileLogSource(log)) {
      machine.follow(source, new DirectGate(console), MachineMode.REPLAY);
      while (!machine.ended().isDone()) {
        taken.add(
            machine
                .snapshot(file.resolveSibling("snapshot" + taken.size()))
                .get(1, TimeUnit.MINUTES));
      }
      assertThat(Machines.await(machine)).isEqualTo(recorded.end());
      assertThat(console.toString()).isEqualTo(recorded.console());
      assertThat(again.counts()).isEqualTo(exact.counts());
    }
    // From the middle too: what was patched and what the guest last wrote comes with the snapshot.
    SnapshotInfo middle = taken.get(taken.size() / 2);
    ExactTsc restored = new ExactTsc();
    try (Machine machine = Machines.FACTORY.restore(spec, List.of(), middle.file(), restored);
        FileLogSource source = new FileLogSource(log, middle.sequence())) {
      ReplayReport report = Replay.run(machine, source, new DirectGate((stream, at, data) -> {}));
      assertThat(report.divergence()).isNull();
      assertThat(report.end()).isEqualTo(recorded.end());
      assertThat(restored.counts()).isEqualTo(exact.counts());
    }
    System.out.printf("%d snapshots of a patched guest while replaying%n", taken.size());
  }

  @Test
  void aModelWithoutCounterRefusesProgramsTheirReads() throws Exception {
    // The program's #UD has no handler of this kernel's: it halts in it, with interrupts off.
    try (Machine machine = soft(model(CpuModel.LOCKSTEP_V1), exact, 1, 1)) {
      assertThat(run(machine, LogSink.NONE).console()).matches("-d-[a-p]M");
    }
  }

  @Test
  void aModuleThatIsNotThereEndsTheMachineByName() {
    GuestLoader guest = new PatchedGuest(exact, 1, 0);
    try (Machine machine =
        Machines.FACTORY.create(
            Machines.spec(Pacing.FREE),
            List.of(),
            (memory, state) -> {
              guest.load(memory, state);
              memory.write32(0x6_0000, 0);
            },
            exact)) {
      assertThatThrownBy(() -> run(machine, LogSink.NONE))
          .isInstanceOf(ExecutionException.class)
          .cause()
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("no ELF header");
    }
  }

  /** Without a program's own reads, which not every host's KVM traps. */
  @Test
  void theSameOnKvm() throws Exception {
    assumeTrue(
        Files.isWritable(Kvm.DEVICE),
        "SKIPPED: no /dev/kvm for this user: patched code is not tried on kvm");
    MachineSpec spec = model(CpuModel.LOCKSTEP_V1);
    ExactTsc onKvm = new ExactTsc();
    MachineFactory kvm = new MachineFactory("kvm", KvmEngine.ofThisHost());
    try (Machine machine = soft(spec, exact, 3, 0);
        Machine other = kvm.create(spec, List.of(), new PatchedGuest(onKvm, 3, 0), onKvm)) {
      Run expected = run(machine, LogSink.NONE);
      Run run = run(other, LogSink.NONE);
      // The counter's value differs: kvm has no count that time could be a function of.
      assertThat(shape(run.console())).isEqualTo(shape(expected.console())).contains("M");
      assertThat(run.end().exitCode()).isEqualTo(PatchedGuest.EXIT_CODE);
      assertThat(onKvm.counts()).isEqualTo(exact.counts());
    }
  }

  private static String shape(String console) {
    return console.replaceAll("(?<=[-MG])[a-p](?=[MGd]|$)", "*");
  }

  private static MachineSpec model(CpuModel model) {
    return new MachineSpec(
        "test",
        model,
        BranchSemantics.ALL_TRANSFERS,
        Machines.MEMORY,
        1_700_000_000_000_000_000L,
        Pacing.FREE,
        1 << 16,
        new TreeMap<>());
  }
}
