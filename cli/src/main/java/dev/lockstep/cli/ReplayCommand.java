package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.inspect.MachineView;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.log.LogEnding;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.DivergenceException;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineMode;
import dev.lockstep.vmm.machine.OutputConsumer;
import dev.lockstep.vmm.machine.ReplayTarget;
import dev.lockstep.vmm.replay.Attempts;
import dev.lockstep.vmm.replay.FileLogSource;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code lockstep replay}: a recorded run once more. */
@Command(
    name = "replay",
    addMethodSubcommands = false,
    description = {
      "Replays what 'lockstep record' recorded, as fast as it goes, and compares: every output byte, the digests on the way, and the final state of registers, memory and disks.",
      "The machine is the recorded one; options replace parts of its configuration, for files that have moved.",
      "With --until the replay stops there and tells on standard error where it stands: point, virtual time, next entry, registers.",
    },
    sortOptions = false)
final class ReplayCommand implements Callable<Integer> {
  @Option(
      names = "--log",
      paramLabel = "FOLDER",
      required = true,
      description = "The folder that record wrote.")
  private Path log = Path.of("");

  @Option(names = "--no-console", description = "Do not show what the guest put out.")
  private boolean noConsole;

  @Option(
      names = "--until",
      paramLabel = "PLACE",
      converter = ReplayPlace.class,
      description = "Stop at exactly this place: " + ReplayPlace.FORMS + ".")
  private @Nullable ReplayTarget until;

  @Option(
      names = "--from-start",
      description =
          "With --until: do not begin at a checkpoint, even if there is one before the place.")
  private boolean fromStart;

  @Option(
      names = "--snapshot-to",
      paramLabel = "FOLDER",
      description =
          "With --until: a new folder for a snapshot of the machine there, which 'run --from' and 'record --from' go on from.")
  private @Nullable Path snapshotTo;

  @Mixin private final CheckpointOption checkpoints = new CheckpointOption();
  @Mixin private final MachineOptions machineOptions = new MachineOptions();
  @Mixin private final ReportOptions report = new ReportOptions();
  @Spec private CommandSpec command = CommandSpec.create();

  @Override
  public Integer call() {
    check();
    MachineFolder snapshot = snapshotTo == null ? null : new MachineFolder(snapshotTo);
    if (snapshot != null) {
      snapshot.make();
    }
    LogMachines machines = new LogMachines(log, machineOptions);
    Shown shown = new Shown();
    return new Attempts(note -> System.err.println("lockstep: " + note))
        .run(before -> attempt(machines, before, shown, snapshot));
  }

  /** Replays from a place before a log entry. */
  private Integer attempt(
      LogMachines machines, long before, Shown shown, @Nullable MachineFolder snapshot) {
    ReplayTarget target = until == null ? ReplayPlace.END : until;
    boolean fromCheckpoint = before != Long.MAX_VALUE || until != null;
    try (OpenedReplay opened =
        fromCheckpoint && !fromStart
            ? machines.near(target, before, System.err)
            : machines.atStart()) {
      MachineSession.Outcome outcome = run(opened, shown);
      if (outcome.end().reason() == EndReason.TARGET) {
        stand(opened, outcome);
        if (snapshot != null) {
          snapshot.keep(opened.config(), opened.machine());
        }
        return ExitStatus.OK;
      }
      report.print(opened.config(), outcome, System.err);
      return conclude(opened.source(), outcome.end());
    }
  }

  /** The console of every attempt, to which nothing is put out twice. */
  private final class Shown {
    private OutputConsumer console = (stream, offset, bytes) -> {};
    private final OutputConsumer once =
        Attempts.once((stream, offset, bytes) -> console.accept(stream, offset, bytes));

    DirectGate on(OutputConsumer now) {
      console = noConsole ? (stream, offset, bytes) -> {} : now;
      return new DirectGate(once);
    }
  }

  private void check() {
    checkpoints.check();
    if (until == null && (fromStart || snapshotTo != null)) {
      throw new ParameterException(
          command.commandLine(),
          "%s goes with --until".formatted(fromStart ? "--from-start" : "--snapshot-to"));
    }
    if (until != null && checkpoints.wanted()) {
      throw new ParameterException(
          command.commandLine(), "--checkpoint-every goes with a whole replay, without --until");
    }
  }

  private MachineSession.Outcome run(OpenedReplay opened, Shown shown) {
    CheckpointOption.Running running = checkpoints.begin(opened.machine(), log, System.err);
    try (running) {
      return new MachineSession(opened.machine(), System.err)
          .run(console -> start(opened, shown.on(console)), MachineMode.REPLAY);
    } catch (DivergenceException e) {
      DivergenceReport.of(log, opened.machine(), e).print(System.err);
      throw e;
    }
  }

  private void start(OpenedReplay opened, DirectGate gate) {
    ReplayTarget target = until;
    if (target == null) {
      opened.machine().follow(opened.source(), gate, MachineMode.REPLAY);
    } else {
      opened.machine().replay(opened.source(), gate, target);
    }
  }

  private void stand(OpenedReplay opened, MachineSession.Outcome outcome) {
    MachineView view = opened.machine().atBoundary(MachineView::of).join();
    Report rows = report.wanted() ? ReportOptions.report(opened.config(), outcome) : new Report();
    report.print(StandReport.add(rows, view, opened.checkpoint()), System.err);
    if (!report.json()) {
      StandReport.listing(view, System.err);
    }
  }

  private Integer conclude(FileLogSource source, MachineEnd end) {
    if (end.reason() == EndReason.UNCERTAIN) {
      System.err.println(
          "lockstep: the replay is identical as far as the log is certain: up to " + end.at());
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
    if (until != null && until != ReplayPlace.END) {
      throw new VmmException(
          "the log ends at %s, before the place that --until names".formatted(end.at()),
          "'lockstep log info' tells how far it goes.");
    }
    System.err.println("lockstep: the replay is identical to the recording");
    return ExitStatus.OK;
  }
}
