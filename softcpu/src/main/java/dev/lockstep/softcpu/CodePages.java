package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * Which 64-byte chunks of guest memory have decoded code on them. Whoever stores asks here first; a store that meets code makes the decoded blocks over it go. Offsets are those of the memory's
 * mapping.
 */
final class CodePages {
  private static final int CHUNK_SHIFT = 6;
  private static final int PAGE_SHIFT = GuestMemory.PAGE_SHIFT;

  /** Who keeps decoded code. */
  interface Owner {
    /** Drop every block that overlaps one of these chunks of a page. */
    void invalidate(long page, long chunks);
  }

  /** One bit a chunk, one word a page. */
  private final long[] chunks;

  private @Nullable Owner owner;

  CodePages(long mappingBytes) {
    this.chunks = new long[(int) (mappingBytes >>> PAGE_SHIFT) + 1];
  }

  void setOwner(Owner owner) {
    this.owner = owner;
  }

  /** Bits of the chunks that {@code size} bytes from an offset touch; they lie on one page. */
  static long mask(long offset, int size) {
    int first = (int) (offset >>> CHUNK_SHIFT) & 63;
    int last = (int) (offset + size - 1 >>> CHUNK_SHIFT) & 63;
    return -1L >>> 63 - last & -1L << first;
  }

  /** Code was decoded from there. True if the page had none before: stores to it may still be on a fast path. */
  boolean mark(long offset, int size) {
    int page = (int) (offset >>> PAGE_SHIFT);
    boolean first = chunks[page] == 0;
    chunks[page] |= mask(offset, size);
    return first;
  }

  /** Whether the page has any code. */
  boolean hasCode(long offset) {
    return chunks[(int) (offset >>> PAGE_SHIFT)] != 0;
  }

  /** Whether a store of {@code size} bytes, on one page, meets code. */
  boolean meets(long offset, int size) {
    return (chunks[(int) (offset >>> PAGE_SHIFT)] & mask(offset, size)) != 0;
  }

  /** Bytes on one page change: drops the code on them. */
  void written(long offset, int size) {
    int page = (int) (offset >>> PAGE_SHIFT);
    long hit = chunks[page] & mask(offset, size);
    if (hit != 0) {
      chunks[page] &= ~hit;
      Owner told = owner;
      if (told != null) {
        told.invalidate(page, hit);
      }
    }
  }
}
