package dev.lockstep.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineFactory;
import dev.lockstep.vmm.machine.MachineMode;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.machine.Machines;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A run of a guest that was recorded, and what can be told of it. */
final class RecordedGuest {
  private static final MachineSpec SPEC = Machines.spec(Pacing.FREE);

  private final GuestLoader guest;
  private final Path folder;
  private final Path log;
  private final MachineEnd end;
  private int files;

  private RecordedGuest(GuestLoader guest, Path folder, Path log, MachineEnd end) {
    this.guest = guest;
    this.folder = folder;
    this.log = log;
    this.end = end;
  }

  /** Runs a guest to its end. */
  static RecordedGuest record(GuestLoader guest, Path folder) throws Exception {
    Path log = folder.resolve("log");
    try (Machine machine = Machines.create(SPEC, guest)) {
      machine.start(new FileLogSink(log), new DirectGate((stream, offset, bytes) -> {}), 1);
      return new RecordedGuest(guest, folder, log, Machines.await(machine));
    }
  }

  MachineEnd end() {
    return end;
  }

  /** What an independent witness says of it: every step. */
  List<StepJournal.Step> steps() {
    StepJournal[] made = new StepJournal[1];
    MachineFactory stepping =
        new MachineFactory(
            "soft",
            (model, semantics, memory, tsc) -> {
              SoftVcpu soft = SoftVcpu.create(model, memory, tsc, semantics);
              made[0] = new StepJournal(soft, memory, tsc::read);
              return made[0];
            });
    replay(stepping);
    return made[0].steps();
  }

  /** Fails unless a trace with memory accesses is what another witness sees. */
  void witness(List<TraceRecord> records) {
    List<TraceRecord> plain = new ArrayList<>(records);
    // Accesses of deliveries are the CPU's own; the witness looks at instructions.
    plain.removeIf(record ->
        !(record instanceof TraceRecord.Instruction
                || record instanceof TraceRecord.Branch
                || record instanceof TraceRecord.Access
                || record instanceof TraceRecord.Delivered)
            || record instanceof TraceRecord.Access it && it.at().nanos() != TracePosition.UNKNOWN);
    SteppingWitness[] made = new SteppingWitness[1];
    MachineFactory stepping =
        new MachineFactory(
            "soft",
            (model, semantics, memory, tsc) -> {
              SoftVcpu soft = SoftVcpu.create(model, memory, tsc, semantics);
              made[0] = new SteppingWitness(soft, memory, new GroupedRecords(plain));
              return made[0];
            });
    replay(stepping);
    made[0].finish();
  }

  private void replay(MachineFactory factory) {
    try (FileLogSource source = new FileLogSource(log);
        Machine machine = factory.create(SPEC, List.of(), guest)) {
      ReplayReport report =
          Replay.run(machine, source, new DirectGate((stream, offset, bytes) -> {}));
      assertThat(report.identical()).isTrue();
    }
  }

  /** A trace file of what is wanted. Collecting it must not change the replay. */
  Path collect(TraceSelection selection) {
    Path file = folder.resolve("trace" + files++);
    try (FileLogSource source = new FileLogSource(log);
        TraceCollector collector = new TraceCollector(file, source.header(), selection);
        Machine machine =
            new MachineFactory("soft", collector.engine()).create(SPEC, List.of(), guest)) {
      machine.follow(
          new TracedLog(source, collector),
          new DirectGate((stream, offset, bytes) -> {}),
          MachineMode.REPLAY);
      assertThat(machine.ended().join()).isEqualTo(end);
      collector.finish();
    }
    return file;
  }

  /** The records of a trace of what is wanted. */
  List<TraceRecord> records(TraceSelection selection) {
    List<TraceRecord> records = new ArrayList<>();
    try (TraceFile trace = new TraceFile(collect(selection))) {
      assertThat(trace.damage()).isNull();
      trace.read(records::add);
    }
    return records;
  }
}
