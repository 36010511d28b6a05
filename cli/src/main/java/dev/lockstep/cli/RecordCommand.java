package dev.lockstep.cli;

import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.engine.EngineChoice;
import dev.lockstep.vmm.engine.EngineChooser;
import dev.lockstep.vmm.engine.Purpose;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.LogSink;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineMode;
import dev.lockstep.vmm.replay.DiskFailureNotes;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.TeeSink;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lockstep record}: as run, with an event log. */
@Command(
    name = "record",
    addMethodSubcommands = false,
    description = {
      "Runs a machine on this terminal and records everything that came from outside, so that it can be replayed bit for bit.",
      "The log's folder also gets the configuration and a copy of each writable disk from before the start. It holds what was typed and what the guest's disk and memory held: keep it as safe as the guest.",
    },
    sortOptions = false)
final class RecordCommand implements Callable<Integer> {
  @Option(
      names = "--log",
      paramLabel = "FOLDER",
      required = true,
      description = "A new folder for the log.")
  private Path log = Path.of("");

  @Mixin private final MachineOptions machineOptions = new MachineOptions();
  @Mixin private final CheckpointOption checkpoints = new CheckpointOption();
  @Mixin private final SnapshotOptions snapshotOptions = new SnapshotOptions();
  @Mixin private final ReportOptions report = new ReportOptions();

  @Override
  public Integer call() {
    checkpoints.check();
    snapshotOptions.prepare();
    @Nullable MachineFolder from = snapshotOptions.from();
    try (GuestFiles files = new GuestFiles()) {
      MachineConfig config = files.complete(machineOptions, from, Purpose.RECORDED);
      if (config.engine().equals(EngineChoice.KVM)) {
        new EngineChooser()
            .unrepeatedReads(config.cpuModel())
            .ifPresent(why ->
                System.err.println(
                    "lockstep: note: a guest that reads the time-stamp counter will not be repeated: "
                        + why));
      }
      MachineFolder folder = new MachineFolder(log);
      FileLogSink sink = new FileLogSink(log);
      folder.make();
      try (Machine machine = GuestFiles.open(config, machineOptions, from)) {
        folder.keep(config);
        if (from != null) {
          folder.keepState(from);
        }
        LogSink both =
            new TeeSink(
                List.of(
                    sink, new DiskFailureNotes(note -> System.err.println("lockstep: " + note))));
        MachineSession.Outcome outcome;
        CheckpointOption.Running running = checkpoints.begin(machine, log, System.err);
        try (running) {
          outcome =
              new MachineSession(machine, System.err)
                  .withNetwork(config)
                  .withSnapshots(snapshotOptions.of(machine, config, System.err))
                  .run(
                      console -> machine.start(both, new DirectGate(console), 1), MachineMode.LIVE);
        }
        if (report.wanted()) {
          Report rows =
              ReportOptions.report(config, outcome)
                  .add("log_bytes", "log bytes", sink.bytesWritten());
          report.print(running.add(rows), System.err);
        }
        return outcome.exitStatus();
      }
    }
  }
}
