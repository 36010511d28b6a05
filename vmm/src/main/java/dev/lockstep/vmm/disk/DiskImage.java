package dev.lockstep.vmm.disk;

import dev.lockstep.engine.VmmException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A raw disk image: a regular file whose bytes are the disk's. While it is open a lock beside it
 * keeps other machines away: for writing it has one owner, for reading any number.
 */
public final class DiskImage implements BlockStore {

  /** How an image is opened. */
  public enum Access {
    /** The guest may write; nobody else may have it open. */
    READ_WRITE,
    /** Nobody may write while it is open. */
    READ_ONLY
  }

  private final Path path;
  private final Access access;
  private final FileChannel channel;
  private final DiskLock lock;
  private final long sizeBytes;

  private DiskImage(Path path, Access access, FileChannel channel, DiskLock lock, long sizeBytes) {
    this.path = path;
    this.access = access;
    this.channel = channel;
    this.lock = lock;
    this.sizeBytes = sizeBytes;
  }

  /**
   * Opens and locks an image.
   *
   * @param path the file
   * @param access whether the guest may write
   * @param owner the VM's name, shown to whoever is refused
   * @throws VmmException if there is no such file, it is not a disk's size, it cannot be opened, or
   *     another VM has it
   */
  public static DiskImage open(Path path, Access access, String owner) {
    if (!Files.exists(path)) {
      throw new VmmException(
          "disk image '%s' does not exist".formatted(path),
          "Give the path of a raw disk image, or make one with scripts/guest-image.");
    }
    if (!Files.isRegularFile(path)) {
      throw new VmmException(
          "disk image '%s' is not a regular file".formatted(path),
          "Give the path of a raw disk image.");
    }
    DiskLock lock = null;
    FileChannel channel = null;
    try {
      Path real = path.toRealPath();
      lock = DiskLock.acquire(real, access, owner);
      channel = FileChannel.open(real, options(access));
      long size = channel.size();
      requireDiskSize(path, size);
      DiskImage image = new DiskImage(path, access, channel, lock, size);
      lock = null;
      channel = null;
      return image;
    } catch (IOException e) {
      throw new VmmException(
          "disk image '%s' cannot be opened%s: %s"
              .formatted(path, access == Access.READ_WRITE ? " for writing" : "", e),
          "Check its permissions, or attach it read-only.",
          e);
    } finally {
      closeQuietly(channel);
      if (lock != null) {
        lock.release();
      }
    }
  }

  private static Set<StandardOpenOption> options(Access access) {
    return access == Access.READ_WRITE
        ? Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE)
        : Set.of(StandardOpenOption.READ);
  }

  private static void requireDiskSize(Path path, long size) {
    if (size == 0 || size % SECTOR_BYTES != 0) {
      throw new VmmException(
          "disk image '%s' has %d bytes, which is no multiple of %d"
              .formatted(path, size, SECTOR_BYTES),
          "Give a raw image; for another format, convert it first (qemu-img convert -O raw).");
    }
  }

  private static void closeQuietly(@Nullable FileChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      // The failure that brought us here is the one to report.
    }
  }

  /** The file, as it was given. */
  public Path path() {
    return path;
  }

  @Override
  public String name() {
    return path.toString();
  }

  @Override
  public long sizeBytes() {
    return sizeBytes;
  }

  @Override
  public boolean readOnly() {
    return access == Access.READ_ONLY;
  }

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    requireInside(offset, into.remaining());
    readFully(channel, offset, into);
  }

  @Override
  public void write(long offset, ByteBuffer from) throws IOException {
    requireInside(offset, from.remaining());
    if (readOnly()) {
      throw new IOException("'%s' is open read-only".formatted(path));
    }
    writeFully(channel, offset, from);
  }

  @Override
  public void flush() throws IOException {
    if (!readOnly()) {
      channel.force(false);
    }
  }

  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      lock.release();
    }
  }

  private void requireInside(long offset, int length) throws IOException {
    if (offset < 0 || offset > sizeBytes - length) {
      throw new EOFException(
          "%d bytes at %d of '%s', which has %d".formatted(length, offset, path, sizeBytes));
    }
  }

  static void readFully(FileChannel channel, long offset, ByteBuffer into) throws IOException {
    long at = offset;
    while (into.hasRemaining()) {
      int count = channel.read(into, at);
      if (count < 0) {
        throw new EOFException("the file ends at %d".formatted(at));
      }
      at += count;
    }
  }

  static void writeFully(FileChannel channel, long offset, ByteBuffer from) throws IOException {
    long at = offset;
    while (from.hasRemaining()) {
      at += channel.write(from, at);
    }
  }
}
