package dev.lockstep.vmm.disk;

import dev.lockstep.vmm.log.BulkHash;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The digest by which a log names the disk it was recorded with: XXH3 (64 bits) of size and
 * contents.
 */
public final class DiskDigest {
  private static final int CHUNK_BYTES = 1 << 20;

  private DiskDigest() {}

  /**
   * Reads the whole store.
   *
   * @throws IOException if the host failed
   */
  public static long of(BlockStore store) throws IOException {
    BulkHash hash = new BulkHash();
    long size = store.sizeBytes();
    hash.putLong(size);
    byte[] chunk = new byte[CHUNK_BYTES];
    for (long at = 0; at < size; at += CHUNK_BYTES) {
      int length = (int) Math.min(CHUNK_BYTES, size - at);
      store.read(at, ByteBuffer.wrap(chunk, 0, length));
      hash.put(chunk, 0, length);
    }
    return hash.finish();
  }
}
