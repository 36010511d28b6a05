package dev.lockstep.vmm.disk;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Ownership of a disk image: a lock on a file beside it that says who the owner is.
 *
 * <p>Not on the image itself, since a process loses its POSIX locks on a file as soon as it closes
 * any descriptor of it. The lock file stays when the lock is given up: a lock on a file that
 * somebody removes at the same moment would hold nobody off. Within this JVM the table of owners
 * decides, since such locks belong to the process.
 */
final class DiskLock {
  private static final Map<Path, Holders> HELD = new HashMap<>();
  private static final int MAX_OWNER_BYTES = 256;

  /** Who holds a lock in this JVM, and how. */
  private static final class Holders {
    final DiskImage.Access access;
    final String owner;
    final @Nullable FileChannel channel;
    int count = 1;

    Holders(DiskImage.Access access, String owner, @Nullable FileChannel channel) {
      this.access = access;
      this.owner = owner;
      this.channel = channel;
    }
  }

  private final Path file;
  private boolean released;

  private DiskLock(Path file) {
    this.file = file;
  }

  /**
   * Takes ownership.
   *
   * @param image the image's real path
   * @throws VmmException if another VM has it, naming that VM
   */
  static DiskLock acquire(Path image, DiskImage.Access access, String owner) throws IOException {
    Path file = image.resolveSibling(image.getFileName() + ".lock");
    synchronized (HELD) {
      Holders holders = HELD.get(file);
      if (holders != null) {
        if (access == DiskImage.Access.READ_WRITE || holders.access != access) {
          throw refused(image, holders.owner);
        }
        holders.count++;
        return new DiskLock(file);
      }
      FileChannel channel = lock(image, file, access, owner);
      HELD.put(file, new Holders(access, owner, channel));
      return new DiskLock(file);
    }
  }

  private static @Nullable FileChannel lock(
      Path image, Path file, DiskImage.Access access, String owner) throws IOException {
    FileChannel channel = openLockFile(file, access);
    if (channel == null) {
      return null;
    }
    boolean kept = false;
    try {
      FileLock lock = tryLock(channel, access == DiskImage.Access.READ_ONLY);
      if (lock == null) {
        throw refused(image, readOwner(channel));
      }
      writeOwner(channel, owner);
      kept = true;
      return channel;
    } finally {
      if (!kept) {
        channel.close();
      }
    }
  }

  /**
   * The lock file, or null where an image is only read in a folder that nobody here can write to.
   */
  private static @Nullable FileChannel openLockFile(Path file, DiskImage.Access access)
      throws IOException {
    try {
      return FileChannel.open(
          file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    } catch (AccessDeniedException e) {
      if (access == DiskImage.Access.READ_ONLY) {
        return null;
      }
      throw e;
    } catch (FileSystemException e) {
      if (access == DiskImage.Access.READ_ONLY && !Files.exists(file)) {
        return null;
      }
      throw e;
    }
  }

  private static @Nullable FileLock tryLock(FileChannel channel, boolean shared)
      throws IOException {
    try {
      return channel.tryLock(0, Long.MAX_VALUE, shared);
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }

  private static void writeOwner(FileChannel channel, String owner) throws IOException {
    String text = "%s (process %d)\n".formatted(owner, ProcessHandle.current().pid());
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    channel.truncate(0);
    channel.write(ByteBuffer.wrap(bytes, 0, Math.min(bytes.length, MAX_OWNER_BYTES)), 0);
  }

  private static String readOwner(FileChannel channel) throws IOException {
    ByteBuffer text = ByteBuffer.allocate(MAX_OWNER_BYTES);
    channel.read(text, 0);
    text.flip();
    String owner = StandardCharsets.UTF_8.decode(text).toString().strip();
    return owner.isEmpty() ? "unknown" : owner;
  }

  private static VmmException refused(Path image, String owner) {
    return new VmmException(
        "disk image '%s' is in use by VM %s".formatted(image, owner),
        "Stop that VM, or give this one an image of its own.");
  }

  /** Gives the image up. A second call does nothing. */
  void release() {
    synchronized (HELD) {
      Holders holders = HELD.get(file);
      if (released || holders == null) {
        return;
      }
      released = true;
      holders.count--;
      if (holders.count == 0) {
        HELD.remove(file);
        unlock(holders);
      }
    }
  }

  private void unlock(Holders holders) {
    FileChannel channel = holders.channel;
    if (channel == null) {
      return;
    }
    try (channel) {
      channel.truncate(0);
    } catch (IOException e) {
      // The lock ends with the channel, whatever the file says.
    }
  }
}
