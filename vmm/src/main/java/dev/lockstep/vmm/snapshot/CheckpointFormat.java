package dev.lockstep.vmm.snapshot;

import java.util.zip.CRC32C;

/**
 * The stream of a checkpoint, big-endian: magic and version; then sections of type (8 bits), length (32 bits), payload,
 * and the CRC-32C of these three. HEADER comes first, END last; STATE comes once; later PAGES and BLOCKS replace earlier
 * ones at the same place.
 */
final class CheckpointFormat {
  static final long MAGIC = 0x4c53544550434b50L; // "LSTEPCKP"
  static final int VERSION = 1;

  static final int HEADER = 1;
  static final int PAGES = 2;
  static final int BLOCKS = 3;
  static final int STATE = 4;
  static final int END = 5;

  /** Pages in one section at most. */
  static final int BATCH_PAGES = 256;

  /** Bytes of one piece of a disk at most. */
  static final int BLOCK_BYTES = 1 << 20;

  /** The most bytes a section may have. */
  static final int MAX_SECTION_BYTES = 1 << 28;

  private CheckpointFormat() {}

  static int crc(int type, byte[] payload, int length) {
    CRC32C crc = new CRC32C();
    crc.update(type);
    for (int shift = 24; shift >= 0; shift -= 8) {
      crc.update(length >>> shift);
    }
    crc.update(payload, 0, length);
    return (int) crc.getValue();
  }
}
