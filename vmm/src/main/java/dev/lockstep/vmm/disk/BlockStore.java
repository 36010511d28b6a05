package dev.lockstep.vmm.disk;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Something a disk's bytes are kept in. Any thread, several at once; the channel underneath closes
 * when a thread in it is interrupted, so no thread that does disk I/O may be.
 */
public interface BlockStore extends AutoCloseable {

  /** Bytes in a sector, the unit of a disk's size. */
  int SECTOR_BYTES = 512;

  /** What it is called in messages. */
  String name();

  /** Bytes; a multiple of {@link #SECTOR_BYTES}, and never changes. */
  long sizeBytes();

  /** Whether writing is refused. */
  boolean readOnly();

  /**
   * Fills a buffer.
   *
   * @param offset bytes from the start
   * @param into filled from its position to its limit
   * @throws IOException if the host failed, or it lies past the end
   */
  void read(long offset, ByteBuffer into) throws IOException;

  /**
   * Writes a buffer; not durable before {@link #flush}.
   *
   * @param offset bytes from the start
   * @param from written from its position to its limit
   * @throws IOException if the host failed, it lies past the end, or the store is read-only
   */
  void write(long offset, ByteBuffer from) throws IOException;

  /** Makes everything written before durable. */
  void flush() throws IOException;

  @Override
  void close() throws IOException;
}
