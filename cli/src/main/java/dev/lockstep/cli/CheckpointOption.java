package dev.lockstep.cli;

import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.replay.CheckpointSchedule;
import java.io.PrintStream;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Whether a run puts checkpoints into its log's folder, and how far apart. */
final class CheckpointOption {
  @Option(
      names = "--checkpoint-every",
      paramLabel = "TIME",
      converter = VirtualSpan.class,
      description =
          "Keep a checkpoint in the log's folder every so often of virtual time (2s, 500ms), for 'replay --until' to start from. The guest stands still while one is written: some tenths of a second.")
  private @Nullable Long everyNanos;

  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec command;

  /** Refuses a spacing of nothing. */
  void check() {
    if (everyNanos != null && everyNanos < 1 && command != null) {
      throw new ParameterException(command.commandLine(), "--checkpoint-every: at least 1ns");
    }
  }

  boolean wanted() {
    return everyNanos != null;
  }

  /**
   * Begins; to be closed when the machine has ended.
   *
   * @param err told at the end if checkpoints could not be written
   */
  Running begin(Machine machine, Path log, PrintStream err) {
    Long every = everyNanos;
    return new Running(every == null ? null : new CheckpointSchedule(machine, log, every), err);
  }

  /** Checkpoints being taken, or none. */
  record Running(@Nullable CheckpointSchedule schedule, PrintStream err) implements AutoCloseable {
    /** Adds to a report how many were taken. */
    Report add(Report report) {
      CheckpointSchedule it = schedule;
      return it == null
          ? report
          : report
              .add("checkpoints", "checkpoints", it.taken())
              .add(
                  "checkpoint_seconds",
                  "stood still for them",
                  "%.3f s".formatted(it.stoppedNanos() / 1e9),
                  it.stoppedNanos() / 1e9);
    }

    @Override
    public void close() {
      CheckpointSchedule it = schedule;
      if (it != null) {
        it.close();
        Throwable failure = it.failure();
        if (failure != null) {
          err.println("lockstep: no more checkpoints were kept: " + failure.getMessage());
        }
      }
    }
  }
}
