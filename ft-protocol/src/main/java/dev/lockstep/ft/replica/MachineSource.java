package dev.lockstep.ft.replica;

import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;

/** Where a replica's machine comes from. */
public interface MachineSource {
  /** The VM's name. */
  String vmName();

  /** What both replicas must have in common, by name. */
  SortedMap<String, String> facts();

  /**
   * A machine with its guest loaded, not started.
   *
   * @throws dev.lockstep.engine.VmmException if it cannot be made
   */
  Machine create();

  /**
   * A machine as a checkpoint has it, not started. Disks are overwritten by what the checkpoint holds.
   *
   * @throws dev.lockstep.engine.VmmException if the checkpoint is of another machine, or the host fails
   * @throws IOException if the checkpoint is damaged
   */
  Machine restore(CheckpointReader checkpoint) throws IOException;

  /** The images of the disks that the guest can write, for their markers. */
  List<Path> writableImages();

  /** Whether images are used although their markers say that they should not be. */
  boolean forceDisks();
}
