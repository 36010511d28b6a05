package dev.lockstep.cli.control;

import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.SnapshotInfo;
import java.nio.file.Path;

/** Snapshots as the commands have them: a folder with configuration, state and copies of disks. */
public interface SnapshotStore {
  /**
   * Makes a snapshot's folder.
   *
   * @throws dev.lockstep.engine.VmmException if it cannot be made, or has a machine in it
   */
  void make(Path folder);

  /**
   * Writes a snapshot of a machine that stands still.
   *
   * @throws dev.lockstep.engine.VmmException if it cannot be written
   */
  SnapshotInfo write(Path folder, Machine machine, MachineConfig config)
      throws InterruptedException;

  /**
   * A snapshot's configuration, with its own disks.
   *
   * @throws dev.lockstep.engine.VmmException if there is none in the folder
   */
  MachineConfig config(Path folder);

  /**
   * A snapshot's disks, copied.
   *
   * @param config as {@link #config} gave it
   * @param into a new folder
   * @return the configuration with the copies
   * @throws dev.lockstep.engine.VmmException if they cannot be copied
   */
  MachineConfig copyDisks(MachineConfig config, Path into);

  /** Where a snapshot's folder has the machine's state. */
  Path state(Path folder);
}
