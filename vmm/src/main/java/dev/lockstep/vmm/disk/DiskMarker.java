package dev.lockstep.vmm.disk;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What is known of a disk image, kept in a file beside it (the image's name with {@code .lockstep}
 * after it): whose it is, and whether it is the one to go on with.
 *
 * @param vm the VM's name; one line
 * @param epoch the term of the primary that wrote the marker; not negative
 * @param state the image's standing
 */
public record DiskMarker(String vm, long epoch, State state) {

  /** An image's standing. Declared from the least to the most trusted. */
  public enum State {
    /** Another image has gone on without this one. */
    STALE,
    /** A backup's: follows the primary's. */
    IN_SYNC,
    /** The primary's. */
    LIVE
  }

  /** What to do with an image that is not to be used. */
  public enum Unfit {
    /** Refuse it. */
    REFUSE,
    /** Use it all the same: the user has said so. */
    USE
  }

  private static final String FORMAT = "lockstep-disk-marker 1";
  private static final int MAX_BYTES = 4096;

  public DiskMarker {
    if (vm.isBlank() || vm.indexOf('\n') >= 0 || epoch < 0) {
      throw new IllegalArgumentException("marker of VM '%s', epoch %d".formatted(vm, epoch));
    }
  }

  /** Where the marker of an image is kept. */
  public static Path fileOf(Path image) {
    return image.resolveSibling(image.getFileName() + ".lockstep");
  }

  /**
   * Reads the marker of an image.
   *
   * @return empty if there is none: the image was never used
   * @throws VmmException if it cannot be read or is damaged
   */
  public static Optional<DiskMarker> read(Path image) {
    Path file = fileOf(image);
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw damaged(file, "is too long");
      }
      return Optional.of(parse(file, Files.readAllLines(file, StandardCharsets.UTF_8)));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw damaged(file, "cannot be read: " + e);
    }
  }

  private static DiskMarker parse(Path file, List<String> lines) {
    if (lines.isEmpty() || !lines.getFirst().equals(FORMAT)) {
      throw damaged(file, "does not begin with '%s'".formatted(FORMAT));
    }
    Map<String, String> values = new HashMap<>();
    for (String line : lines.subList(1, lines.size())) {
      int equals = line.indexOf('=');
      if (equals < 0) {
        throw damaged(file, "has the line '%s'".formatted(line));
      }
      values.put(line.substring(0, equals), line.substring(equals + 1));
    }
    String vm = values.remove("vm");
    String epoch = values.remove("epoch");
    String state = values.remove("state");
    if (vm == null || epoch == null || state == null || !values.isEmpty()) {
      throw damaged(file, "does not have exactly vm, epoch and state");
    }
    try {
      return new DiskMarker(
          vm,
          Long.parseLong(epoch),
          State.valueOf(state.toUpperCase(Locale.ROOT).replace('-', '_')));
    } catch (IllegalArgumentException e) {
      throw damaged(file, "has a value that is not possible: " + e.getMessage());
    }
  }

  /**
   * Makes this the marker of an image, durably and at once: after a crash there is the old one or
   * this. Where there is no room for another file, it is written over the old one.
   *
   * @throws VmmException if the host failed; then it is the old one, or not known which
   */
  public void write(Path image) {
    Path file = fileOf(image);
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    String text =
        "%s\nvm=%s\nepoch=%d\nstate=%s\n"
            .formatted(FORMAT, vm, epoch, state.name().toLowerCase(Locale.ROOT).replace('_', '-'));
    byte[] content = text.getBytes(StandardCharsets.UTF_8);
    try {
      replace(file, fresh, content);
    } catch (IOException e) {
      overwrite(file, fresh, content, e);
    }
  }

  private static void replace(Path file, Path fresh, byte[] content) throws IOException {
    put(fresh, content, StandardOpenOption.CREATE);
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    try (FileChannel directory =
        FileChannel.open(file.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
      directory.force(true);
    }
  }

  /** On a full file system there is no room for another file, but for as much in the one that is there: a replica that takes over must not fail by that. */
  private static void overwrite(Path file, Path fresh, byte[] content, IOException failure) {
    try {
      Files.deleteIfExists(fresh);
      put(file, content);
    } catch (IOException e) {
      failure.addSuppressed(e);
      throw new VmmException(
          "disk marker '%s' cannot be written: %s".formatted(file, failure),
          "Make the image's folder writable and check that it has room.",
          failure);
    }
  }

  private static void put(Path file, byte[] content, OpenOption... more) throws IOException {
    Set<OpenOption> options = new HashSet<>(List.of(more));
    options.add(StandardOpenOption.WRITE);
    try (FileChannel channel = FileChannel.open(file, options)) {
      DiskImage.writeFully(channel, 0, ByteBuffer.wrap(content));
      channel.truncate(content.length);
      channel.force(true);
    }
  }

  /**
   * Checks that an image may be started with.
   *
   * @param image the image
   * @param vm the VM that wants to
   * @param unfit what to do with a stale image, or another VM's
   * @throws VmmException if it is refused
   */
  public static void requireStartable(Path image, String vm, Unfit unfit) {
    Optional<DiskMarker> found = read(image);
    if (found.isEmpty() || unfit == Unfit.USE) {
      return;
    }
    DiskMarker marker = found.get();
    if (!marker.vm().equals(vm)) {
      throw new VmmException(
          "disk image '%s' belongs to VM '%s', not to '%s'".formatted(image, marker.vm(), vm),
          "Give this VM an image of its own, or force its use.");
    }
    if (marker.state() == State.STALE) {
      throw new VmmException(
          "disk image '%s' is stale: VM '%s' has gone on without it since epoch %d"
              .formatted(image, vm, marker.epoch()),
          "Use the other replica's image ('lockstep ctl recover' names it), or force its use and"
              + " lose what was written since.");
    }
  }

  /** Orders markers of one VM's images so that the last is the one to go on with. */
  public static Comparator<DiskMarker> byTrust() {
    return Comparator.comparing((DiskMarker marker) -> marker.state() != State.STALE)
        .thenComparingLong(DiskMarker::epoch)
        .thenComparing(DiskMarker::state);
  }

  private static VmmException damaged(Path file, String why) {
    return new VmmException(
        "disk marker '%s' %s".formatted(file, why),
        "If you know that the image beside it is the right one, delete the marker.");
  }
}
