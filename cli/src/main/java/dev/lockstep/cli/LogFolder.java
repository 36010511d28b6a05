package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.ConfigFile;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.MachineConfigBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * What {@code record} keeps beside the log's segments, so that {@code replay} needs nothing else said: the machine's
 * configuration (machine.json), and of each disk that the guest may write a copy from before the start (NAME.img).
 */
final class LogFolder {
  private static final String CONFIG = "machine.json";

  private final Path folder;

  LogFolder(Path folder) {
    this.folder = folder.toAbsolutePath().normalize();
  }

  Path path() {
    return folder;
  }

  /** The copy of a disk from before the start. */
  Path disk(String id) {
    return folder.resolve(id + ".img");
  }

  /**
   * Keeps a configuration and its disks.
   *
   * @throws VmmException if they cannot be read or written
   */
  void keep(MachineConfig config) {
    try {
      Files.createFile(
          folder.resolve(CONFIG),
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      Files.writeString(
          folder.resolve(CONFIG), ConfigFile.write(config), StandardOpenOption.TRUNCATE_EXISTING);
    } catch (IOException e) {
      throw unwritable(CONFIG, e);
    }
    for (var drive : config.drives()) {
      if (!drive.readOnly()) {
        try {
          Path copy = Files.copy(drive.path(), disk(drive.id()));
          Files.setPosixFilePermissions(copy, PosixFilePermissions.fromString("rw-------"));
        } catch (IOException e) {
          throw unwritable("a copy of disk '%s'".formatted(drive.path()), e);
        }
      }
    }
  }

  /** Adds the kept configuration's settings to a builder, if there is one. */
  void read(MachineConfigBuilder into) {
    Path file = folder.resolve(CONFIG);
    if (Files.exists(file)) {
      ConfigFile.read(file, into);
    }
  }

  /** Checks that it is a folder, so that a wrong path is told as such. */
  void requireThere() {
    if (!Files.isDirectory(folder)) {
      throw new VmmException(
          "there is no folder '%s'".formatted(folder),
          "Name the folder that 'lockstep record' wrote.");
    }
  }

  private VmmException unwritable(String what, IOException e) {
    return new VmmException(
        "%s cannot be kept in '%s': %s".formatted(what, folder, e),
        "Name a new folder on a file system with room for it.",
        e);
  }
}
