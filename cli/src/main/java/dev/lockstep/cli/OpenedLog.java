package dev.lockstep.cli;

import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.replay.FileLogSource;
import java.nio.file.Path;
import java.util.function.BiFunction;

/**
 * A log that is to be replayed, and what its machine is made of: what every command begins with that replays.
 *
 * @param folder the log's folder, which has the machine
 * @param config the recorded machine's, as the user has it
 * @param source the log
 */
record OpenedLog(MachineFolder folder, MachineConfig config, FileLogSource source)
    implements AutoCloseable {

  /**
   * Opens a log at its start.
   *
   * @param options replace parts of the recorded machine's configuration
   * @throws dev.lockstep.engine.VmmException if there is no machine in the folder, or no readable log
   */
  static OpenedLog atStart(Path log, MachineOptions options) {
    return at(log, options, 0);
  }

  /** Opens it at the entry with a number; as {@link #atStart}. */
  static OpenedLog at(Path log, MachineOptions options, long sequence) {
    return open(log, sequence, (folder, header) -> folder.config(header, options));
  }

  /** Opens it at its start, to be replayed on soft whatever recorded it: soft counts by every semantics, and sees every instruction; as {@link #atStart}. */
  static OpenedLog onSoft(Path log, MachineOptions options) {
    return open(log, 0, (folder, header) -> folder.softConfig(header, options));
  }

  private static OpenedLog open(
      Path log, long sequence, BiFunction<MachineFolder, LogHeader, MachineConfig> config) {
    MachineFolder folder = new MachineFolder(log);
    folder.require();
    FileLogSource source = new FileLogSource(log, sequence);
    try {
      return new OpenedLog(folder, config.apply(folder, source.header()), source);
    } catch (RuntimeException e) {
      source.close();
      throw e;
    }
  }

  LogHeader header() {
    return source.header();
  }

  @Override
  public void close() {
    source.close();
  }
}
