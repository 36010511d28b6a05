package dev.lockstep.cli;

import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.replay.Checkpoints;
import dev.lockstep.vmm.replay.FileLogSource;
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

  @Override
  public void close() {
    try {
      machine.close();
    } finally {
      source.close();
    }
  }
}
