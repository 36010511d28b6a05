package dev.lockstep.cli.control;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What a daemon keeps of one VM: its definition ({@code machine.json}), a folder for what is on its way ({@code work}), and copies of disks that it was restored on ({@code restored-N}).
 * Modes are 0700 and 0600: guests' secrets are in there.
 */
final class VmFolder {
  private static final String DEFINITION = "machine.json";
  private static final String WORK = "work";
  private static final String RESTORED = "restored-";

  private static final FileAttribute<Set<PosixFilePermission>> FOLDER_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  private static final FileAttribute<Set<PosixFilePermission>> FILE_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final Path folder;

  VmFolder(Path folder) {
    this.folder = folder;
  }

  /** The folders of VMs that are defined below a folder. */
  static List<VmFolder> below(Path parent) {
    try {
      Files.createDirectories(parent, FOLDER_MODE);
      try (Stream<Path> entries = Files.list(parent)) {
        return entries
            .filter(entry -> Files.exists(entry.resolve(DEFINITION)))
            .sorted()
            .map(VmFolder::new)
            .toList();
      }
    } catch (IOException e) {
      throw unusable(parent, e);
    }
  }

  /** The VM's name. */
  String name() {
    return String.valueOf(folder.getFileName());
  }

  /** The definition's text. */
  String definition() {
    try {
      return Files.readString(folder.resolve(DEFINITION));
    } catch (IOException e) {
      throw unusable(folder.resolve(DEFINITION), e);
    }
  }

  /** Keeps a definition, at once: after a crash there is the old one or this. */
  void define(String definition) {
    try {
      Files.createDirectories(folder, FOLDER_MODE);
      Path fresh = Files.createTempFile(folder, DEFINITION, ".new", FILE_MODE);
      Files.writeString(fresh, definition, StandardOpenOption.WRITE, StandardOpenOption.SYNC);
      Files.move(
          fresh,
          folder.resolve(DEFINITION),
          StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw unusable(folder, e);
    }
  }

  /** Makes the folder, if it is not there. */
  void make() {
    try {
      Files.createDirectories(folder, FOLDER_MODE);
    } catch (IOException e) {
      throw unusable(folder, e);
    }
  }

  /** A folder for what is on its way. */
  Path work() {
    try {
      return Files.createDirectories(folder.resolve(WORK), FOLDER_MODE);
    } catch (IOException e) {
      throw unusable(folder, e);
    }
  }

  /** Where the next restore has its disks; not made yet. */
  Path nextRestored() {
    for (int number = 1; ; number++) {
      Path next = folder.resolve(RESTORED + number);
      if (!Files.exists(next)) {
        return next;
      }
    }
  }

  /** Forgets the definition. Copies of disks stay: they may be the only ones of what a guest wrote. */
  void forget() {
    try {
      Files.deleteIfExists(folder.resolve(DEFINITION));
      discard(folder.resolve(WORK));
      try (Stream<Path> rest = Files.list(folder)) {
        if (rest.findAny().isPresent()) {
          return;
        }
      }
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      throw unusable(folder, e);
    }
  }

  /** Removes a folder in here that holds nothing anybody needs, if it is there. */
  void discard(Path inside) {
    if (!Files.isDirectory(inside)) {
      return;
    }
    try (Stream<Path> files = Files.walk(inside)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw unusable(inside, e);
    }
  }

  private static VmmException unusable(Path what, IOException e) {
    return new VmmException(
        "the daemon's folder cannot be used: " + e,
        "Make '%s' readable and writable, with room, or give another by --folder.".formatted(what),
        e);
  }
}
