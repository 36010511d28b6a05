package dev.lockstep.cli;

import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.replay.Checkpoints;
import dev.lockstep.vmm.replay.FileLogSource;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A machine that stands where a replay begins, and the log from there on.
 *
 * @param checkpoint what it was made of; null for the log's start
 */
record OpenedReplay(OpenedLog log, Machine machine, Checkpoints.@Nullable Checkpoint checkpoint)
    implements AutoCloseable {

  /** Makes the machine of an opened log; closes the log if that cannot be. */
  static OpenedReplay of(
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
