package dev.lockstep.cli;

import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.Machine;
import java.io.PrintStream;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Where a machine comes from, if not from a boot, and where it is kept. */
@Command
final class SnapshotOptions {
  @Option(
      names = "--from",
      paramLabel = "FOLDER",
      description =
          "Go on from a snapshot instead of booting. Its disks' changes are lost at the end, but those of disks given by --disk, which must be as they were.")
  private @Nullable Path from;

  @Option(
      names = "--snapshot-to",
      paramLabel = "FOLDER",
      description =
          "A new folder for a snapshot: taken when the user leaves (Ctrl-]), or writes it (Ctrl-] w) and goes on.")
  private @Nullable Path to;

  @Option(
      names = "--snapshot-when",
      paramLabel = "TEXT",
      description = "Take the snapshot as soon as the console shows TEXT, and go on.")
  private @Nullable String when;

  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec command;

  /** The folder to go on from; null to boot. */
  @Nullable MachineFolder from() {
    return from == null ? null : new MachineFolder(from);
  }

  /**
   * Makes the folder that is asked for, so that a wrong one is told before the machine starts.
   *
   * @throws ParameterException if the options do not fit each other
   */
  void prepare() {
    if (to != null) {
      new MachineFolder(to).make();
    } else if (when != null && command != null) {
      throw new ParameterException(
          command.commandLine(), "--snapshot-when says when, but no --snapshot-to says where");
    }
  }

  /** What takes the snapshot; null if none is asked for. */
  @Nullable Snapshots of(Machine machine, MachineConfig config, PrintStream err) {
    return to == null ? null : new Snapshots(machine, config, new MachineFolder(to), when, err);
  }
}
