package dev.lockstep.cli;

import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.MachineConfigBuilder;
import dev.lockstep.vmm.log.LogEnding;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineMode;
import dev.lockstep.vmm.machine.OutputConsumer;
import dev.lockstep.vmm.replay.FileLogSource;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lockstep replay}: a recorded run once more. */
@Command(
    name = "replay",
    description = {
      "Replays what 'lockstep record' recorded, as fast as it goes, and compares: every output byte, the digests on the way, and the final state of registers, memory and disks.",
      "The machine is the recorded one; options replace parts of its configuration, for files that have moved.",
    },
    sortOptions = false)
final class ReplayCommand implements Callable<Integer>, DebugOption.Carrier {
  @Option(
      names = "--log",
      paramLabel = "FOLDER",
      required = true,
      description = "The folder that record wrote.")
  private Path log = Path.of("");

  @Option(names = "--no-console", description = "Do not show what the guest put out.")
  private boolean noConsole;

  @Mixin private final MachineOptions machineOptions = new MachineOptions();
  @Mixin private final ReportOptions report = new ReportOptions();
  @Mixin private final DebugOption debug = new DebugOption();

  @Override
  public boolean debug() {
    return debug.debug();
  }

  @Override
  public Integer call() {
    debug.apply();
    MachineFolder folder = new MachineFolder(log);
    MachineConfigBuilder builder = MachineConfig.builder();
    folder.read(builder);
    machineOptions.apply(builder);
    try (FileLogSource source = new FileLogSource(log)) {
      MachineConfig config = builder.build();
      try (Machine machine = folder.open(config, source.header().wallClockNanos())) {
        MachineSession.Outcome outcome =
            new MachineSession(machine, System.err)
                .run(
                    console -> machine.follow(source, gate(console), MachineMode.REPLAY),
                    MachineMode.REPLAY);
        report.print(outcome, System.err);
        return conclude(source, outcome);
      }
    }
  }

  private DirectGate gate(OutputConsumer console) {
    return new DirectGate(noConsole ? (stream, offset, bytes) -> {} : console);
  }

  private static int conclude(FileLogSource source, MachineSession.Outcome outcome) {
    if (outcome.exitStatus() == ExitStatus.UNCERTAIN) {
      System.err.println(
          "lockstep: the replay is identical as far as the log is certain: up to "
              + outcome.end().at()
              + ". Behind it the guest computed without an exit, and got what was due at a point that cannot be found again.");
      return ExitStatus.UNCERTAIN;
    }
    // Past the last entry the file tells how it ends.
    LogEnding ending = source.peek() == null ? source.ending() : null;
    if (ending == null) {
      System.err.println("lockstep: the replay was left before the log's end");
      return ExitStatus.INTERRUPTED;
    }
    if (ending.kind() != LogEnding.Kind.COMPLETE) {
      throw new StatusException(ExitStatus.DATA, ending.asException());
    }
    System.err.println("lockstep: the replay is identical to the recording");
    return ExitStatus.OK;
  }
}
