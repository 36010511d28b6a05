package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.MachineConfigBuilder;
import dev.lockstep.vmm.config.Origin;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;

/**
 * The guest that scripts/guest-image makes from Debian packages: kernel, initramfs and an empty disk, for whoever names no
 * guest of their own.
 */
final class GuestImage {
  private static final Origin ORIGIN = new Origin("guest image");

  private final Path folder;

  private GuestImage(Path folder) {
    this.folder = folder;
  }

  /**
   * The guest image; made now if it is not there, which takes a network and a while.
   *
   * @throws VmmException if it cannot be made
   */
  static GuestImage prepare() {
    Path home = home();
    Path folder = folder(home);
    if (home != null) {
      // Makes nothing if what is there is what the script would make.
      make(home.resolve("scripts").resolve("guest-image"), folder);
    } else if (!Files.exists(folder.resolve("complete"))) {
      throw new VmmException(
          "no kernel is named, and there is no guest image in '%s'".formatted(folder),
          "Give --kernel and --initrd, or run scripts/guest-image.");
    }
    return new GuestImage(folder);
  }

  /** The folder where the guest image is, or will be. */
  static Path location() {
    return folder(home());
  }

  Path kernel() {
    return folder.resolve("vmlinuz");
  }

  Path initrd() {
    return folder.resolve("initrd");
  }

  Path disk() {
    return folder.resolve("disk.ext4");
  }

  /** Fills in what a configuration lacks: the kernel, and with it its initrd. */
  void complete(MachineConfigBuilder builder) {
    if (!builder.hasKernel()) {
      builder.kernel(kernel().toString(), ORIGIN);
      if (!builder.hasInitrd()) {
        builder.initrd(initrd().toString(), ORIGIN);
      }
    }
  }

  /**
   * A copy of the disk.
   *
   * @throws VmmException if it cannot be written
   */
  Path copyDisk(Path to) {
    try {
      Files.createFile(
          to, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      SparseCopy.copy(disk(), to);
      return to;
    } catch (IOException e) {
      throw new VmmException(
          "the guest image's disk cannot be copied to '%s': %s".formatted(to, e.getMessage()),
          "Make room there, or give a disk of your own by --disk.",
          e);
    }
  }

  private static Path folder(@Nullable Path home) {
    String cache = System.getenv("LOCKSTEP_CACHE");
    if (cache != null && !cache.isEmpty()) {
      return Path.of(cache).toAbsolutePath();
    }
    return (home == null ? Path.of("") : home).resolve(".cache").resolve("guest").toAbsolutePath();
  }

  /** The checkout, as the launcher says. */
  private static @Nullable Path home() {
    String home = System.getenv("LOCKSTEP_HOME");
    return home == null || home.isEmpty() ? null : Path.of(home);
  }

  private static void make(Path script, Path folder) {
    try {
      Process process =
          new ProcessBuilder(script.toString(), folder.toString())
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      if (process.waitFor() != 0) {
        throw new VmmException(
            "the guest image cannot be made (see above)",
            "Put that right, or give --kernel and --initrd.");
      }
    } catch (IOException e) {
      throw new VmmException(
          "'%s' cannot be run: %s".formatted(script, e.getMessage()),
          "Give --kernel and --initrd.",
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VmmException("making the guest image was interrupted", "Run it again.", e);
    }
  }
}
