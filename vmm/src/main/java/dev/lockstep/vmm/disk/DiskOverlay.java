package dev.lockstep.vmm.disk;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.BitSet;

/**
 * A private layer over another store: what is written stays here, the store underneath is never
 * changed. For replays, which must leave the recorded image as it was. Its contents end with it.
 *
 * <p>Kept in an unnamed sparse file, a block at a time. Does not close what lies underneath.
 */
public final class DiskOverlay implements BlockStore {
  private static final int BLOCK_BYTES = 4096;

  private final BlockStore base;
  private final FileChannel channel;
  private final BitSet present = new BitSet();

  private DiskOverlay(BlockStore base, FileChannel channel) {
    this.base = base;
    this.channel = channel;
  }

  /**
   * A layer in which nothing has been written yet.
   *
   * @param base what shows through; nobody else may write to it
   * @param directory where the layer's file is kept, mode 0600: it holds guest data
   * @throws VmmException if no file can be made there
   */
  public static DiskOverlay over(BlockStore base, Path directory) {
    try {
      Path file =
          Files.createTempFile(
              directory,
              "lockstep-overlay",
              ".img",
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      FileChannel channel =
          FileChannel.open(
              file,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE);
      return new DiskOverlay(base, channel);
    } catch (IOException e) {
      throw new VmmException(
          "no private layer over disk '%s' can be made in '%s': %s"
              .formatted(base.name(), directory, e),
          "Give a writable temporary folder with room for what the guest writes.",
          e);
    }
  }

  @Override
  public String name() {
    return base.name();
  }

  @Override
  public long sizeBytes() {
    return base.sizeBytes();
  }

  @Override
  public boolean readOnly() {
    return false;
  }

  @Override
  public synchronized void read(long offset, ByteBuffer into) throws IOException {
    requireInside(offset, into.remaining());
    long at = offset;
    int end = into.limit();
    while (into.position() < end) {
      boolean own = present.get(block(at));
      long runEnd = runEnd(at, own, at + (end - into.position()));
      into.limit(into.position() + (int) (runEnd - at));
      if (own) {
        DiskImage.readFully(channel, at, into);
      } else {
        base.read(at, into);
      }
      into.limit(end);
      at = runEnd;
    }
  }

  /**
   * Where the stretch of blocks that are all here, or all underneath, ends; at most {@code limit}.
   */
  private long runEnd(long at, boolean own, long limit) {
    int first = block(at);
    int next = own ? present.nextClearBit(first) : present.nextSetBit(first);
    return next < 0 ? limit : Math.min(limit, (long) next * BLOCK_BYTES);
  }

  @Override
  public synchronized void write(long offset, ByteBuffer from) throws IOException {
    int length = from.remaining();
    requireInside(offset, length);
    if (length == 0) {
      return;
    }
    bringUp(block(offset), offset, length);
    bringUp(block(offset + length - 1), offset, length);
    DiskImage.writeFully(channel, offset, from);
    present.set(block(offset), block(offset + length - 1) + 1);
  }

  /** Copies a block that is about to be written in part. */
  private void bringUp(int block, long offset, int length) throws IOException {
    long start = (long) block * BLOCK_BYTES;
    long end = Math.min(start + BLOCK_BYTES, sizeBytes());
    if (present.get(block) || offset <= start && offset + length >= end) {
      return;
    }
    ByteBuffer copy = ByteBuffer.allocate((int) (end - start));
    base.read(start, copy);
    DiskImage.writeFully(channel, start, copy.flip());
    present.set(block);
  }

  /** Bytes that have been written here, in whole blocks. */
  public synchronized long ownBytes() {
    return (long) present.cardinality() * BLOCK_BYTES;
  }

  /** Nothing here outlives the process, so there is nothing to make durable. */
  @Override
  public void flush() {}

  @Override
  public void close() throws IOException {
    channel.close();
  }

  private void requireInside(long offset, int length) throws IOException {
    if (offset < 0 || offset > sizeBytes() - length) {
      throw new IOException(
          "%d bytes at %d of '%s', which has %d".formatted(length, offset, name(), sizeBytes()));
    }
  }

  private static int block(long offset) {
    return Math.toIntExact(offset / BLOCK_BYTES);
  }
}
