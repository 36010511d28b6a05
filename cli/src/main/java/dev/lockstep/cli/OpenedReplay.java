package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.ReplayTarget;
import dev.lockstep.vmm.replay.Checkpoints;
import dev.lockstep.vmm.replay.FileLogSource;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A machine that stands where a replay begins, and the log from there on.
 *
 * @param checkpoint what it was made of; null for the log's start
 */
record OpenedReplay(OpenedLog log, Machine machine, Checkpoints.@Nullable Checkpoint checkpoint)
    implements AutoCloseable {

  /**
   * Opens a log's machine at its start.
   *
   * @throws VmmException if the log cannot be read, or its machine cannot be made here, naming the header's field
   */
  static OpenedReplay atStart(Path log, MachineOptions options) {
    return of(
        OpenedLog.atStart(log, options),
        opened -> opened.folder().open(opened.config(), opened.header()),
        null);
  }

  /**
   * Opens it at the checkpoint that is nearest before a target; a damaged one is told of, and the one before it taken.
   *
   * @throws VmmException as {@link #atStart}
   */
  static OpenedReplay near(Path log, MachineOptions options, ReplayTarget target, PrintStream err) {
    new MachineFolder(log).require();
    for (Checkpoints.Checkpoint checkpoint : Checkpoints.before(log, target)) {
      OpenedLog opened = OpenedLog.at(log, options, checkpoint.sequence());
      try {
        return of(
            opened,
            it -> it.folder().open(it.config(), it.header(), checkpoint.file()),
            checkpoint);
      } catch (VmmException e) {
        err.println("lockstep: a checkpoint is passed over: %s".formatted(e.getMessage()));
      }
    }
    return atStart(log, options);
  }

  /** Makes the machine; closes the log if that cannot be. */
  private static OpenedReplay of(
      OpenedLog log,
      Function<OpenedLog, Machine> machine,
      Checkpoints.@Nullable Checkpoint checkpoint) {
    try {
      return new OpenedReplay(log, machine.apply(log), checkpoint);
    } catch (RuntimeException e) {
      log.close();
      throw e;
    }
  }

  MachineConfig config() {
    return log.config();
  }

  FileLogSource source() {
    return log.source();
  }

  @Override
  public void close() {
    try {
      machine.close();
    } finally {
      log.close();
    }
  }
}
