package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.EventLogWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A log or a snapshot in its folder, as one who clears up sees it.
 *
 * @param folder its own
 * @param kind what it is
 * @param vm the machine's name
 * @param written when the last of its files was
 * @param bytes of all its files; the holes of a sparse disk image count
 * @param files all that is in the folder
 */
record KeptMachine(
    Path folder, Kind kind, String vm, Instant written, long bytes, List<Path> files) {
  private static final Pattern LOG_FILE =
      Pattern.compile("segment-\\d{8}\\.lslog|checkpoint-\\d{12}\\.lscheck");

  /** What a folder holds. */
  enum Kind {
    LOG,
    SNAPSHOT
  }

  /**
   * The logs and snapshots in a folder, each in a folder of its own, the newest first. What is neither, or has files of somebody else besides, is left out.
   *
   * @throws VmmException if the folder cannot be read
   */
  static List<KeptMachine> in(Path parent) {
    List<Path> folders;
    try (Stream<Path> entries = Files.list(parent)) {
      folders =
          entries
              .filter(entry -> Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS))
              .sorted()
              .toList();
    } catch (IOException e) {
      throw unusable(parent, e);
    }
    List<KeptMachine> found = new ArrayList<>();
    for (Path folder : folders) {
      read(folder).ifPresent(found::add);
    }
    found.sort(Comparator.comparing(KeptMachine::written).reversed());
    return found;
  }

  private static Optional<KeptMachine> read(Path folder) {
    Path config = folder.resolve(MachineFolder.CONFIG);
    try (Stream<Path> entries = Files.list(folder)) {
      List<Path> files = entries.sorted().toList();
      if (!Files.isRegularFile(config, LinkOption.NOFOLLOW_LINKS)) {
        return Optional.empty();
      }
      JsonNode said = new JsonMapper().readTree(Files.readString(config));
      boolean log = false;
      boolean state = false;
      Instant written = Instant.MIN;
      long bytes = 0;
      for (Path file : files) {
        String name = String.valueOf(file.getFileName());
        boolean ofLog = LOG_FILE.matcher(name).matches();
        log |= ofLog;
        state |= name.equals(MachineFolder.STATE);
        if (!ofLog
            && !name.equals(MachineFolder.STATE)
            && !name.equals(MachineFolder.CONFIG)
            && !isDisk(name, said)) {
          return Optional.empty();
        }
        Instant at = Files.getLastModifiedTime(file, LinkOption.NOFOLLOW_LINKS).toInstant();
        written = at.isAfter(written) ? at : written;
        bytes += Files.size(file);
      }
      if (!log && !state) {
        return Optional.empty();
      }
      String vm = said.path("machine-config").path("name").asString("");
      return Optional.of(
          new KeptMachine(folder, log ? Kind.LOG : Kind.SNAPSHOT, vm, written, bytes, files));
    } catch (JacksonException e) {
      // Whose it is cannot be told, so it stays.
      return Optional.empty();
    } catch (IOException e) {
      throw unusable(folder, e);
    }
  }

  private static boolean isDisk(String name, JsonNode config) {
    for (JsonNode drive : config.path("drives")) {
      String image = drive.path("drive_id").asString("") + MachineFolder.IMAGE_SUFFIX;
      // Beside an image lies the lock of who has it open.
      if (name.equals(image) || name.equals(image + ".lock")) {
        return true;
      }
    }
    return false;
  }

  /** Whether somebody still records into it. */
  boolean isOpen() {
    return kind == Kind.LOG && EventLogWriter.isOpen(folder);
  }

  /**
   * Removes it, its configuration first: a folder without one is no machine to anybody.
   *
   * @throws VmmException if it cannot be removed
   */
  void remove() {
    try {
      Files.deleteIfExists(folder.resolve(MachineFolder.CONFIG));
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      throw unusable(folder, e);
    }
  }

  private static VmmException unusable(Path what, IOException e) {
    return new VmmException(
        "'%s' cannot be cleared up: %s".formatted(what, e),
        "Name a folder that has logs or snapshots in it, and that you may write to.",
        e);
  }
}
