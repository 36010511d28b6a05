package dev.lockstep.cli;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.ConfigFile;
import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.DiskUse;
import dev.lockstep.vmm.config.DriveConfig;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.MachineConfigBuilder;
import dev.lockstep.vmm.config.Origin;
import dev.lockstep.vmm.disk.DiskBackend;
import dev.lockstep.vmm.engine.EngineChoice;
import dev.lockstep.vmm.engine.Purpose;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineFactory;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.concurrent.ExecutionException;

/**
 * A machine kept in a folder, complete: its configuration (machine.json), a copy of each disk that the guest may write
 * (NAME.img), and its state if it is not at its start (state.snapshot). A log's folder and a snapshot's folder are such ones,
 * so neither needs anything else said to go on from.
 */
final class MachineFolder {
  /** The configuration's file; written last, so that a folder without it holds nothing whole. */
  static final String CONFIG = "machine.json";

  /** The state's file. */
  static final String STATE = "state.snapshot";

  /** What the name of a disk's copy ends with, behind the disk's. */
  static final String IMAGE_SUFFIX = ".img";

  private static final Set<PosixFilePermission> FILE_MODE =
      PosixFilePermissions.fromString("rw-------");
  private static final Set<PosixFilePermission> FOLDER_MODE =
      PosixFilePermissions.fromString("rwx------");

  private final Path folder;

  MachineFolder(Path folder) {
    this.folder = folder.toAbsolutePath().normalize();
  }

  /**
   * Makes the folder, or takes one that is there and has no machine in it.
   *
   * @throws VmmException if it cannot be made or has one
   */
  void make() {
    try {
      if (!Files.isDirectory(folder)) {
        Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(FOLDER_MODE));
      }
    } catch (IOException e) {
      throw unwritable("a machine", e);
    }
    if (Files.exists(folder.resolve(CONFIG))) {
      throw new VmmException(
          "'%s' holds a machine already".formatted(folder), "Name a new folder, or remove it.");
    }
  }

  /** The machine's state, if it is not at its start. */
  Path state() {
    return folder.resolve(STATE);
  }

  /** Whether the machine in here is not at its start. */
  boolean hasState() {
    return Files.exists(state());
  }

  /**
   * Keeps a configuration with copies of its writable disks as they are now.
   *
   * @return the configuration as it is kept: with the copies as its disks
   * @throws VmmException if they cannot be read or written
   */
  MachineConfig keep(MachineConfig config) {
    for (DriveConfig drive : config.drives()) {
      if (!drive.readOnly()) {
        copyDisk(drive, copy -> SparseCopy.copy(drive.path(), copy));
      }
    }
    return keepConfig(config);
  }

  /**
   * Keeps a machine that stands still, with its disks as it sees them, which need not be what is in their images.
   *
   * @throws VmmException if it cannot be written
   */
  void keep(MachineConfig config, Machine machine) {
    try {
      machine.snapshot(state()).get();
      machine
          .atBoundary(boundary -> {
            for (int disk = 0; disk < config.drives().size(); disk++) {
              DriveConfig drive = config.drives().get(disk);
              if (!drive.readOnly()) {
                DiskBackend backend = boundary.disks().get(disk);
                backend.drain();
                copyDisk(drive, copy -> SparseCopy.copy(backend.store(), copy));
              }
            }
            return boundary.nextSequence();
          })
          .get();
    } catch (ExecutionException e) {
      throw MachineSession.failure(e.getCause() == null ? e : e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VmmException("the command was interrupted", "Run it again.", e);
    }
    keepConfig(config);
  }

  private MachineConfig keepConfig(MachineConfig config) {
    MachineConfig kept =
        config.withDrivePaths(drive -> drive.readOnly() ? drive.path() : copyOf(drive));
    try {
      Path file = folder.resolve(CONFIG);
      Files.createFile(file, PosixFilePermissions.asFileAttribute(FILE_MODE));
      Files.writeString(file, ConfigFile.write(kept), StandardOpenOption.WRITE);
    } catch (FileAlreadyExistsException e) {
      throw new VmmException(
          "'%s' holds a machine already".formatted(folder), "Name a new folder.", e);
    } catch (IOException e) {
      throw unwritable(CONFIG, e);
    }
    return kept;
  }

  /** Removes a machine that is of no use, as far as it is there; and the folder, if there is nothing else in it. */
  void discard(MachineConfig config) {
    try {
      Files.deleteIfExists(folder.resolve(CONFIG));
      Files.deleteIfExists(state());
      for (DriveConfig drive : config.drives()) {
        Files.deleteIfExists(copyOf(drive));
      }
      Files.deleteIfExists(folder);
    } catch (IOException _) {
      // Without its configuration it is no machine to anybody. What is left is the user's to look
      // at.
    }
  }

  /** Keeps the state that another folder has. */
  void keepState(MachineFolder from) {
    try {
      Files.copy(from.state(), state());
      Files.setPosixFilePermissions(state(), FILE_MODE);
    } catch (IOException e) {
      throw unwritable("a copy of the snapshot", e);
    }
  }

  /**
   * Adds the kept configuration's settings to a builder.
   *
   * @throws VmmException if there is no machine in the folder
   */
  void read(MachineConfigBuilder into) {
    require();
    ConfigFile.read(folder.resolve(CONFIG), into);
  }

  /**
   * Checks that there is a machine.
   *
   * @throws VmmException if there is none
   */
  void require() {
    if (!Files.isDirectory(folder)) {
      throw new VmmException(
          "there is no folder '%s'".formatted(folder),
          "Name a folder that 'lockstep record' or --snapshot-to made.");
    }
    if (!Files.exists(folder.resolve(CONFIG))) {
      throw new VmmException(
          "there is no machine in '%s'".formatted(folder),
          "Name a folder that 'lockstep record' or --snapshot-to made.");
    }
  }

  /**
   * The configuration of the machine in this folder, for replaying a log.
   *
   * @param options replace parts of it
   */
  MachineConfig config(LogHeader log, MachineOptions options) {
    MachineConfigBuilder builder = recorded(options);
    if (options.leavesEngineOpen() && log.semantics() == BranchSemantics.ALL_TRANSFERS) {
      // No hardware counter counts those.
      builder.engine(EngineChoice.SOFT, new Origin("log"));
    }
    return build(builder, log);
  }

  /** As {@link #config}, for replaying it on soft, whatever recorded it. */
  MachineConfig softConfig(LogHeader log, MachineOptions options) {
    MachineConfigBuilder builder = recorded(options);
    builder.engine(EngineChoice.SOFT, new Origin("log"));
    return build(builder, log);
  }

  private MachineConfigBuilder recorded(MachineOptions options) {
    MachineConfigBuilder builder = MachineConfig.builder();
    read(builder);
    options.apply(builder);
    return builder;
  }

  private static MachineConfig build(MachineConfigBuilder builder, LogHeader log) {
    // Anchors need no counter, and every engine has them.
    return builder.build(
        log.semantics() == BranchSemantics.ANCHORS ? Purpose.FREE_RUNNING : Purpose.RECORDED);
  }

  /**
   * The machine in this folder as a checkpoint has it.
   *
   * @throws VmmException if it cannot be restored
   */
  Machine open(MachineConfig config, LogHeader log, Path checkpoint) {
    ConfiguredMachine.requireReplayable(config, log);
    return ConfiguredMachine.restore(config, DiskUse.PRIVATE, checkpoint);
  }

  /**
   * The machine in this folder: from its state, or from its start. What the guest writes does not change the folder.
   *
   * @param config as {@link #read} and the user have it
   * @param log what is to be replayed on it
   * @throws VmmException if it cannot replay that log, naming the header's field
   */
  Machine open(MachineConfig config, LogHeader log) {
    return open(config, log, DiskUse.PRIVATE);
  }

  /** As {@link #open(MachineConfig, LogHeader)}, with disks of another use. */
  Machine open(MachineConfig config, LogHeader log, DiskUse use) {
    ConfiguredMachine.requireReplayable(config, log);
    return hasState()
        ? ConfiguredMachine.restore(config, use, state())
        : ConfiguredMachine.create(config, ConfiguredMachine.spec(config, log), use);
  }

  /** As {@link #open(MachineConfig, LogHeader)}, on an engine of the caller's. */
  Machine open(MachineFactory engine, MachineConfig config, LogHeader log) {
    ConfiguredMachine.requireReplayable(config, log);
    return hasState()
        ? ConfiguredMachine.restore(engine, config, DiskUse.PRIVATE, state())
        : ConfiguredMachine.create(
            engine, config, ConfiguredMachine.spec(config, log), DiskUse.PRIVATE);
  }

  /** As {@link #open(MachineConfig, LogHeader, Path)}, on an engine of the caller's. */
  Machine open(MachineFactory engine, MachineConfig config, LogHeader log, Path checkpoint) {
    ConfiguredMachine.requireReplayable(config, log);
    return ConfiguredMachine.restore(engine, config, DiskUse.PRIVATE, checkpoint);
  }

  /** Fills a file with a disk's content. */
  @FunctionalInterface
  private interface Copying {
    void to(Path copy) throws IOException;
  }

  private Path copyOf(DriveConfig drive) {
    return folder.resolve(drive.id() + IMAGE_SUFFIX);
  }

  /** Copies what is not zero, so that the copy of a sparse image is one too. */
  private void copyDisk(DriveConfig drive, Copying copying) {
    try {
      Path copy = copyOf(drive);
      Files.createFile(copy, PosixFilePermissions.asFileAttribute(FILE_MODE));
      copying.to(copy);
    } catch (IOException e) {
      throw unwritable("a copy of disk '%s'".formatted(drive.path()), e);
    }
  }

  private VmmException unwritable(String what, IOException e) {
    return new VmmException(
        "%s cannot be kept in '%s': %s".formatted(what, folder, e),
        "Name a new folder on a file system with room for it.",
        e);
  }
}
