package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.MachineFactory;
import dev.lockstep.vmm.machine.ReplayTarget;
import dev.lockstep.vmm.replay.Checkpoints;
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
    return OpenedReplay.of(
        OpenedLog.atStart(log, options),
        it -> it.folder().open(engine(it.config()), it.config(), it.header()),
        null);
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
      try {
        return OpenedReplay.of(
            OpenedLog.at(log, options, checkpoint.sequence()),
            it ->
                it.folder().open(engine(it.config()), it.config(), it.header(), checkpoint.file()),
            checkpoint);
      } catch (VmmException e) {
        err.println("lockstep: a checkpoint is passed over: %s".formatted(e.getMessage()));
      }
    }
    return atStart();
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
