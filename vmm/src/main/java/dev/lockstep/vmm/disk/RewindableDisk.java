package dev.lockstep.vmm.disk;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;

/**
 * A disk whose written blocks are kept in memory, over an image that is only read, so that it can be set back to any of its former contents. Blocks are shared between the contents that have them alike.
 */
public final class RewindableDisk implements BlockStore {
  private static final int BLOCK_BYTES = 4096;

  /** The most that may be written, in bytes of whole blocks. */
  private static final long MAX_WRITTEN_BYTES = 1L << 30;

  /** What the disk held at one time. */
  public static final class Content {
    private final Map<Long, byte[]> written;

    private Content(Map<Long, byte[]> written) {
      this.written = written;
    }
  }

  private final BlockStore image;
  // Its arrays are never changed.
  private Map<Long, byte[]> written = new HashMap<>();

  /**
   * @param image becomes this one's
   */
  public RewindableDisk(BlockStore image) {
    this.image = image;
  }

  /** What it holds now. No request may be on its way. */
  public synchronized Content content() {
    return new Content(new HashMap<>(written));
  }

  /** Sets it back to what it held. No request may be on its way. */
  public synchronized void rewind(Content content) {
    written = new HashMap<>(content.written);
  }

  @Override
  public String name() {
    return image.name();
  }

  @Override
  public long sizeBytes() {
    return image.sizeBytes();
  }

  @Override
  public boolean readOnly() {
    return false;
  }

  @Override
  public synchronized void read(long offset, ByteBuffer into) throws IOException {
    requireInside(offset, into.remaining());
    int end = into.limit();
    long at = offset;
    while (into.position() < end) {
      int within = (int) (at % BLOCK_BYTES);
      int part = Math.min(BLOCK_BYTES - within, end - into.position());
      byte[] own = written.get(at / BLOCK_BYTES);
      if (own != null) {
        into.put(own, within, part);
      } else {
        into.limit(into.position() + part);
        image.read(at, into);
        into.limit(end);
      }
      at += part;
    }
  }

  @Override
  public synchronized void write(long offset, ByteBuffer from) throws IOException {
    requireInside(offset, from.remaining());
    long at = offset;
    while (from.hasRemaining()) {
      int within = (int) (at % BLOCK_BYTES);
      int part = Math.min(BLOCK_BYTES - within, from.remaining());
      byte[] block = block(at / BLOCK_BYTES, part == BLOCK_BYTES);
      from.get(block, within, part);
      written.put(at / BLOCK_BYTES, block);
      at += part;
    }
    if (written.size() * (long) BLOCK_BYTES > MAX_WRITTEN_BYTES) {
      throw new VmmException(
          "the guest has written more than %d MiB to disk '%s'"
              .formatted(MAX_WRITTEN_BYTES >> 20, name()),
          "A replay that goes backwards keeps that in memory: stop before it.");
    }
  }

  /** A copy of a block, to be written to. */
  private byte[] block(long number, boolean whole) throws IOException {
    byte[] own = written.get(number);
    if (own != null) {
      return own.clone();
    }
    byte[] block = new byte[BLOCK_BYTES];
    if (!whole) {
      long start = number * BLOCK_BYTES;
      int length = (int) Math.min(BLOCK_BYTES, sizeBytes() - start);
      image.read(start, ByteBuffer.wrap(block, 0, length));
    }
    return block;
  }

  /** Nothing here outlives the process, so there is nothing to make durable. */
  @Override
  public void flush() {}

  @Override
  public void close() throws IOException {
    image.close();
  }

  private void requireInside(long offset, int length) throws IOException {
    if (offset < 0 || offset > sizeBytes() - length) {
      throw new IOException(
          "%d bytes at %d of '%s', which has %d".formatted(length, offset, name(), sizeBytes()));
    }
  }
}
