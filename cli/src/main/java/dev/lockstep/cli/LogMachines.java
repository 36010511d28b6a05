package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineFactory;
import dev.lockstep.vmm.machine.ReplayTarget;
import dev.lockstep.vmm.replay.Checkpoints;
import dev.lockstep.vmm.replay.FileLogSource;
import java.io.PrintStream;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Makes the machines on which one log is replayed, one after the other, on the same engine: what one has learnt of a hardware counter the next one knows. */
final class LogMachines {
  private final Path log;
  private final MachineOptions options;
  private @Nullable MachineFactory engine;

  /**
   * @param options replace parts of the recorded machine's configuration
   */
  LogMachines(Path log, MachineOptions options) {
    this.log = log;
    this.options = options;
  }

  /**
   * Opens a log's machine at its start.
   *
   * @throws VmmException if the log cannot be read, or its machine cannot be made here, naming the header's field
   */
  OpenedReplay atStart() {
    MachineFolder folder = new MachineFolder(log);
    folder.require();
    FileLogSource source = new FileLogSource(log);
    try {
      LogHeader header = source.header();
      MachineConfig config = folder.config(header, options);
      return new OpenedReplay(config, folder.open(engine(config), config, header), source, null);
    } catch (RuntimeException e) {
      source.close();
      throw e;
    }
  }

  /**
   * Opens it at the checkpoint that is nearest before a target; a damaged one is told of, and the one before it taken.
   *
   * @param before number of a log entry that a checkpoint must not lie behind
   * @throws VmmException as {@link #atStart}
   */
  OpenedReplay near(ReplayTarget target, long before, PrintStream err) {
    new MachineFolder(log).require();
    for (Checkpoints.Checkpoint checkpoint : Checkpoints.before(log, target)) {
      if (checkpoint.sequence() > before) {
        continue;
      }
      FileLogSource source = new FileLogSource(log, checkpoint.sequence());
      try {
        return restored(source, checkpoint);
      } catch (VmmException e) {
        source.close();
        err.println("lockstep: a checkpoint is passed over: %s".formatted(e.getMessage()));
      } catch (RuntimeException e) {
        source.close();
        throw e;
      }
    }
    return atStart();
  }

  private OpenedReplay restored(FileLogSource source, Checkpoints.Checkpoint checkpoint) {
    MachineFolder folder = new MachineFolder(log);
    LogHeader header = source.header();
    MachineConfig config = folder.config(header, options);
    Machine machine = folder.open(engine(config), config, header, checkpoint.file());
    return new OpenedReplay(config, machine, source, checkpoint);
  }

  private MachineFactory engine(MachineConfig config) {
    MachineFactory made = engine;
    if (made == null) {
      made = ConfiguredMachine.factory(config);
      engine = made;
    }
    return made;
  }
}
