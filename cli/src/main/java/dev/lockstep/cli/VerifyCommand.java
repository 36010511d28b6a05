package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.inspect.LogSummary;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.log.LogEnding;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.DivergenceException;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.replay.Attempts;
import dev.lockstep.vmm.replay.Checkpoints;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lockstep verify}, also {@code lockstep log verify}: whether a log is whole, and whether it repeats. */
@Command(
    name = "verify",
    description = {
      "Reads a log through and holds every segment, batch and checkpoint against its checksum and its place; with --replay also replays it and compares all that the log knows.",
      "Exit status 0 if it is whole (and repeats), 65 if it is unfinished, torn or corrupted or a checkpoint is damaged, 83 if the replay diverges, 85 if it repeats as far as it is certain.",
    },
    sortOptions = false)
final class VerifyCommand implements Callable<Integer> {
  @Parameters(paramLabel = "FOLDER", description = "The folder that record wrote.")
  private Path log = Path.of("");

  @Option(names = "--replay", description = "Replay it too, from its start.")
  private boolean replay;

  @Mixin private final MachineOptions machineOptions = new MachineOptions();

  @Override
  public Integer call() {
    LogSummary summary = LogSummary.of(log);
    if (summary.ending().kind() != LogEnding.Kind.COMPLETE) {
      VmmException found = summary.ending().asException();
      throw new StatusException(
          ExitStatus.DATA,
          new VmmException(
              String.valueOf(found.getMessage()),
              "Its %d entries before that are whole.".formatted(summary.entries()),
              found));
    }
    int checkpoints = checkpoints();
    System.out.println(
        "whole: %,d entries in %d segments, %,d bytes, and %d checkpoints"
            .formatted(summary.entries(), summary.segments(), summary.bytes(), checkpoints));
    Moment uncertain = summary.uncertainFrom();
    if (uncertain != null) {
      System.out.println("certain up to %s, and no further".formatted(uncertain));
    }
    return replay ? repeat() : ExitStatus.OK;
  }

  private int checkpoints() {
    int whole = 0;
    for (Path file : Checkpoints.files(log)) {
      Optional<String> damage = Checkpoints.damage(file);
      if (damage.isPresent()) {
        throw new StatusException(
            ExitStatus.DATA,
            new VmmException(
                "the checkpoint '%s' is damaged: %s".formatted(file, damage.get()),
                "Remove it; the log does not need it, and replays from its start."));
      }
      whole++;
    }
    return whole;
  }

  private int repeat() {
    LogMachines machines = new LogMachines(log, machineOptions);
    return new Attempts(note -> System.err.println("lockstep: " + note))
        .run(before -> repeat(machines, before));
  }

  private int repeat(LogMachines machines, long before) {
    boolean first = before == Long.MAX_VALUE;
    try (OpenedReplay opened =
        first ? machines.atStart() : machines.near(ReplayPlace.END, before, System.err)) {
      ReplayReport report =
          Replay.run(
              opened.machine(), opened.source(), new DirectGate((stream, offset, bytes) -> {}));
      DivergenceException divergence = report.divergence();
      if (divergence != null) {
        DivergenceReport.of(log, opened.machine(), divergence).print(System.err);
        throw divergence;
      }
      System.out.println(
          "replayed: %,d branches, %,d instructions, %.3f s"
              .formatted(report.branches(), report.instructions(), report.hostNanos() / 1e9));
      MachineEnd end = report.end();
      if (end != null && end.reason() == EndReason.UNCERTAIN) {
        System.out.println("identical as far as the log is certain: up to " + end.at());
        return ExitStatus.UNCERTAIN;
      }
      System.out.println("the replay is identical to the recording");
      return ExitStatus.OK;
    }
  }
}
