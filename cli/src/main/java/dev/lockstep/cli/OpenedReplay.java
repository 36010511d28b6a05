package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.ReplayTarget;
import dev.lockstep.vmm.replay.Checkpoints;
import dev.lockstep.vmm.replay.FileLogSource;
import java.io.PrintStream;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A machine that stands where a replay begins, and the log from there on.
 *
 * @param checkpoint what it was made of; null for the log's start
 */
record OpenedReplay(
    MachineConfig config,
    Machine machine,
    FileLogSource source,
    Checkpoints.@Nullable Checkpoint checkpoint)
    implements AutoCloseable {

  /**
   * Opens a log's machine at its start.
   *
   * @throws VmmException if the log cannot be read, or its machine cannot be made here, naming the header's field
   */
  static OpenedReplay atStart(Path log, MachineOptions options) {
    MachineFolder folder = new MachineFolder(log);
    folder.require();
    FileLogSource source = new FileLogSource(log);
    try {
      MachineConfig config = folder.config(source.header(), options);
      return new OpenedReplay(config, folder.open(config, source.header()), source, null);
    } catch (RuntimeException e) {
      source.close();
      throw e;
    }
  }

  /**
   * Opens it at the checkpoint that is nearest before a target; a damaged one is told of, and the one before it taken.
   *
   * @throws VmmException as {@link #atStart}
   */
  static OpenedReplay near(Path log, MachineOptions options, ReplayTarget target, PrintStream err) {
    new MachineFolder(log).require();
    for (Checkpoints.Checkpoint checkpoint : Checkpoints.before(log, target)) {
      FileLogSource source = new FileLogSource(log, checkpoint.sequence());
      try {
        return restored(log, options, source, checkpoint);
      } catch (VmmException e) {
        source.close();
        err.println("lockstep: a checkpoint is passed over: %s".formatted(e.getMessage()));
      } catch (RuntimeException e) {
        source.close();
        throw e;
      }
    }
    return atStart(log, options);
  }

  private static OpenedReplay restored(
      Path log, MachineOptions options, FileLogSource source, Checkpoints.Checkpoint checkpoint) {
    MachineFolder folder = new MachineFolder(log);
    LogHeader header = source.header();
    MachineConfig config = folder.config(header, options);
    Machine machine = folder.open(config, header, checkpoint.file());
    return new OpenedReplay(config, machine, source, checkpoint);
  }

  @Override
  public void close() {
    try {
      machine.close();
    } finally {
      source.close();
    }
  }
}
