package dev.lockstep.vmm.boot;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Opens the files that a boot needs, with errors that name them. */
final class BootFile {
  private BootFile() {}

  /**
   * @param what the file is, in messages
   * @throws VmmException if it cannot be opened or is not a regular file
   */
  static FileChannel open(Path path, String what) {
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      throw new VmmException(
          "%s '%s' is not a regular file".formatted(what, path), "Give the path of a file.");
    }
    try {
      return FileChannel.open(path, StandardOpenOption.READ);
    } catch (IOException e) {
      throw unreadable(path, what, e);
    }
  }

  static VmmException unreadable(Path path, String what, IOException cause) {
    return switch (cause) {
      case NoSuchFileException _ ->
          new VmmException(
              "%s '%s' does not exist".formatted(what, path), "Check the path.", cause);
      case AccessDeniedException _ ->
          new VmmException(
              "%s '%s' may not be read".formatted(what, path), "Check its permissions.", cause);
      default ->
          new VmmException(
              "%s '%s' cannot be read: %s".formatted(what, path, cause.getMessage()),
              "Check the file and its disk.",
              cause);
    };
  }
}
