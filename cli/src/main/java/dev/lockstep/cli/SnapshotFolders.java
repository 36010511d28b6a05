package dev.lockstep.cli;

import dev.lockstep.cli.control.SnapshotStore;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.MachineConfigBuilder;
import dev.lockstep.vmm.engine.Purpose;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.SnapshotInfo;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;

/** The snapshots of {@code run --snapshot-to}, for the control port. */
class SnapshotFolders implements SnapshotStore {
  @Override
  public void make(Path folder) {
    new MachineFolder(folder).make();
  }

  @Override
  public SnapshotInfo write(Path folder, Machine machine, MachineConfig config)
      throws InterruptedException {
    MachineFolder into = new MachineFolder(folder);
    try {
      SnapshotInfo info = machine.snapshot(into.state()).get();
      into.keep(config);
      return info;
    } catch (ExecutionException e) {
      throw MachineSession.failure(e.getCause() == null ? e : e.getCause());
    }
  }

  @Override
  public void discard(Path folder, MachineConfig config) {
    new MachineFolder(folder).discard(config);
  }

  @Override
  public MachineConfig config(Path folder, Purpose purpose) {
    MachineFolder from = new MachineFolder(folder);
    MachineConfigBuilder builder = MachineConfig.builder();
    from.read(builder);
    if (!from.hasState()) {
      throw new VmmException(
          "there is no snapshot in '%s', but a machine at its start".formatted(folder),
          "Name a folder that a snapshot was written to.");
    }
    return builder.build(purpose);
  }

  @Override
  public MachineConfig copyDisks(MachineConfig config, Path into) {
    MachineFolder copies = new MachineFolder(into);
    copies.make();
    return copies.keep(config);
  }

  @Override
  public Path state(Path folder) {
    return new MachineFolder(folder).state();
  }
}
