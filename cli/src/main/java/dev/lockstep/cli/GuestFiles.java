package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.DiskUse;
import dev.lockstep.vmm.config.DriveConfig;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.MachineConfigBuilder;
import dev.lockstep.vmm.config.Origin;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.engine.Purpose;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Fills in the guest image where a command names no guest, and takes away what was only made for one run. */
final class GuestFiles implements AutoCloseable {
  private final List<Path> temporary = new ArrayList<>();

  /**
   * The configuration that options say. Without a kernel it is that of the guest image; if nothing at all is said about disks
   * then, a copy of its disk comes with it, for this run only.
   *
   * @param from a machine to go on from; null to boot
   * @param purpose what the machine is for
   * @throws VmmException if the configuration is wrong, or the guest image cannot be made
   */
  MachineConfig complete(MachineOptions options, @Nullable MachineFolder from, Purpose purpose) {
    if (from != null) {
      MachineConfigBuilder builder = MachineConfig.builder();
      from.read(builder);
      options.apply(builder);
      return announced(options, builder.build(purpose));
    }
    return complete(options, builder -> {}, purpose);
  }

  /**
   * As {@link #complete(MachineOptions, MachineFolder, Purpose)}, of a guest that boots.
   *
   * @param more puts further settings on top
   */
  MachineConfig complete(
      MachineOptions options, Consumer<MachineConfigBuilder> more, Purpose purpose) {
    MachineConfigBuilder builder = options.builder();
    more.accept(builder);
    if (!builder.hasKernel()) {
      GuestImage image = GuestImage.prepare();
      image.complete(builder);
      if (!builder.hasDrives()) {
        builder.drive(copy(image).toString(), false, new Origin("guest image"));
      }
    }
    return announced(options, builder.build(purpose));
  }

  /** Tells which engine was picked and why, to who left it open on purpose. */
  private static MachineConfig announced(MachineOptions options, MachineConfig config) {
    if (options.leavesEngineOpen()) {
      System.err.println("engine: " + config.engine() + " (" + config.engineReason() + ")");
    }
    return config;
  }

  /**
   * The machine of a completed configuration, not started.
   *
   * @param from as in {@link #complete}
   */
  static Machine open(MachineConfig config, MachineOptions options, @Nullable MachineFolder from) {
    return open(ConfiguredMachine.factory(config), config, options, from);
  }

  /** As {@link #open(MachineConfig, MachineOptions, MachineFolder)}, on an engine of the caller's. */
  static Machine open(
      MachineFactory engine,
      MachineConfig config,
      MachineOptions options,
      @Nullable MachineFolder from) {
    if (from != null) {
      return ConfiguredMachine.restore(
          engine, config, options.hasDisks() ? DiskUse.DIRECT : DiskUse.PRIVATE, from.state());
    }
    for (DriveConfig drive : config.drives()) {
      DiskMarker.requireStartable(drive.path(), config.name(), options.unfitDisks());
    }
    return ConfiguredMachine.create(
        engine, config, ConfiguredMachine.spec(config, WallClock.nanosSince1970()), DiskUse.DIRECT);
  }

  /**
   * A folder for what is needed while this command runs.
   *
   * @throws VmmException if none can be made
   */
  Path workFolder() {
    try {
      Path folder = Files.createTempDirectory("lockstep-work-");
      temporary.add(folder);
      return folder;
    } catch (IOException e) {
      throw new VmmException(
          "no temporary folder can be made: " + e.getMessage(),
          "Make room in the temporary folder.",
          e);
    }
  }

  private Path copy(GuestImage image) {
    try {
      Path folder = Files.createTempDirectory("lockstep-disk-");
      temporary.add(folder);
      return image.copyDisk(folder.resolve("disk.ext4"));
    } catch (IOException e) {
      throw new VmmException(
          "no temporary folder can be made: " + e.getMessage(),
          "Make room, or give a disk of your own by --disk.",
          e);
    }
  }

  @Override
  public void close() {
    for (Path folder : temporary) {
      try (var files = Files.list(folder)) {
        for (Path file : files.toList()) {
          Files.deleteIfExists(file);
        }
        Files.deleteIfExists(folder);
      } catch (IOException _) {
        // It lies among temporary files; whoever cleans those takes it away.
      }
    }
  }
}
