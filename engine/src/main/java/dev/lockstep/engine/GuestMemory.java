package dev.lockstep.engine;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The guest's physical memory: a mapping handed in by the machine, the regions of the guest-physical address space it fills, and the dirty bitmap. Every writer goes through it or, on an engine's fast path, keeps
 * its rules: mark the page dirty, tell the code cache.
 *
 * <p>Owned by the vCPU's thread; other threads may read while the vCPU is stopped. Guest memory is little-endian.
 */
public final class GuestMemory {
  /** Bytes in a page of the dirty bitmap. */
  public static final int PAGE_SIZE = 4096;

  /** log2 of {@link #PAGE_SIZE}. */
  public static final int PAGE_SHIFT = 12;

  /** Unaligned little-endian 16-bit access. */
  public static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Unaligned little-endian 32-bit access. */
  public static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Unaligned little-endian 64-bit access. */
  public static final ValueLayout.OfLong U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** 8-bit access. */
  public static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;

  /**
   * A stretch of guest-physical addresses with memory behind it.
   *
   * @param guestPhysical first guest-physical address; a multiple of {@link #PAGE_SIZE}
   * @param size bytes; a multiple of {@link #PAGE_SIZE}
   * @param offset where it begins in the mapping; a multiple of {@link #PAGE_SIZE}
   */
  public record Region(long guestPhysical, long size, long offset) {
    public Region {
      if (((guestPhysical | size | offset) & (PAGE_SIZE - 1)) != 0 || size <= 0) {
        throw new IllegalArgumentException(
            "region %#x+%#x at %#x is not made of whole pages"
                .formatted(guestPhysical, size, offset));
      }
    }
  }

  /** An engine that keeps something derived from memory: decoded code, or store paths that count on pages being dirty already. */
  public interface Observer {
    /** Bytes changed by somebody else than the engine itself (DMA, loader, debugger, checkpoint). */
    void written(long guestPhysical, long size);

    /** Some dirty bits were cleared: the next store to any page must mark it again. */
    void dirtyCleared();
  }

  private final MemorySegment segment;
  private final List<Region> regions;
  private final long[] dirty;
  private @Nullable Observer observer;

  /**
   * @param segment the mapping; at least as long as the regions say
   * @param regions in ascending order of guest-physical address, not overlapping
   */
  public GuestMemory(MemorySegment segment, List<Region> regions) {
    this.segment = segment;
    this.regions = List.copyOf(regions);
    long end = 0;
    for (Region region : regions) {
      if (region.guestPhysical() < end) {
        throw new IllegalArgumentException(
            "region at %#x overlaps its predecessor".formatted(region.guestPhysical()));
      }
      end = region.guestPhysical() + region.size();
      if (region.offset() + region.size() > segment.byteSize()) {
        throw new IllegalArgumentException(
            "region at %#x ends past the mapping of %#x bytes"
                .formatted(region.guestPhysical(), segment.byteSize()));
      }
    }
    this.dirty = new long[(int) ((segment.byteSize() / PAGE_SIZE + 63) >>> 6)];
  }

  /** The mapping itself, for an engine's fast path and for KVM's slots. */
  public MemorySegment segment() {
    return segment;
  }

  /** The regions, ascending. */
  public List<Region> regions() {
    return regions;
  }

  /** Bytes of memory, all regions together. */
  public long size() {
    long total = 0;
    for (Region region : regions) {
      total += region.size();
    }
    return total;
  }

  /** The engine to be told of foreign writes; null for none. */
  public void setObserver(@Nullable Observer observer) {
    this.observer = observer;
  }

  /** The offset in {@link #segment} of a guest-physical address, or -1 where there is no memory. */
  public long offset(long guestPhysical) {
    for (int i = 0; i < regions.size(); i++) {
      Region region = regions.get(i);
      long within = guestPhysical - region.guestPhysical();
      if (within >= 0 && within < region.size()) {
        return region.offset() + within;
      }
    }
    return -1;
  }

  /** Whether all of {@code size} bytes from there on are memory of one region. */
  public boolean contains(long guestPhysical, long size) {
    if (size < 0) {
      return false;
    }
    for (Region region : regions) {
      long within = guestPhysical - region.guestPhysical();
      if (within >= 0 && within < region.size()) {
        return size <= region.size() - within;
      }
    }
    return false;
  }

  /** Reads one byte, zero-extended. */
  public int read8(long guestPhysical) {
    return segment.get(U8, checked(guestPhysical, 1)) & 0xff;
  }

  /** Reads 16 bits, zero-extended; any alignment. */
  public int read16(long guestPhysical) {
    return segment.get(U16, checked(guestPhysical, 2)) & 0xffff;
  }

  /** Reads 32 bits; any alignment. */
  public int read32(long guestPhysical) {
    return segment.get(U32, checked(guestPhysical, 4));
  }

  /** Reads 64 bits; any alignment. */
  public long read64(long guestPhysical) {
    return segment.get(U64, checked(guestPhysical, 8));
  }

  /** Writes the low 8 bits. */
  public void write8(long guestPhysical, int value) {
    segment.set(U8, checked(guestPhysical, 1), (byte) value);
    wrote(guestPhysical, 1);
  }

  /** Writes the low 16 bits; any alignment. */
  public void write16(long guestPhysical, int value) {
    segment.set(U16, checked(guestPhysical, 2), (short) value);
    wrote(guestPhysical, 2);
  }

  /** Writes 32 bits; any alignment. */
  public void write32(long guestPhysical, int value) {
    segment.set(U32, checked(guestPhysical, 4), value);
    wrote(guestPhysical, 4);
  }

  /** Writes 64 bits; any alignment. */
  public void write64(long guestPhysical, long value) {
    segment.set(U64, checked(guestPhysical, 8), value);
    wrote(guestPhysical, 8);
  }

  /** Copies {@code length} bytes out. */
  public void read(long guestPhysical, byte[] into, int from, int length) {
    if (length > 0) {
      MemorySegment.copy(segment, U8, checked(guestPhysical, length), into, from, length);
    }
  }

  /** Copies {@code length} bytes in. */
  public void write(long guestPhysical, byte[] source, int from, int length) {
    if (length > 0) {
      MemorySegment.copy(source, from, segment, U8, checked(guestPhysical, length), length);
      wrote(guestPhysical, length);
    }
  }

  /** Copies a whole segment in. */
  public void write(long guestPhysical, MemorySegment source) {
    long length = source.byteSize();
    if (length > 0) {
      MemorySegment.copy(source, 0, segment, checked(guestPhysical, length), length);
      wrote(guestPhysical, length);
    }
  }

  /**
   * Some bytes, nobody knows which, were changed by a writer that does not come by here: a guest on hardware. Tells the observer, so that nothing derived from old contents is used; marks no page dirty.
   */
  public void changedUnseen() {
    for (Region region : regions) {
      changedUnseen(region.guestPhysical(), region.size());
    }
  }

  /** The same for a part of one region. */
  public void changedUnseen(long guestPhysical, long size) {
    Observer told = observer;
    if (told != null) {
      told.written(guestPhysical, size);
    }
  }

  /** Marks the page at an offset of the mapping dirty; for an engine that stores by {@link #segment}. */
  public void markDirty(long offset) {
    long page = offset >>> PAGE_SHIFT;
    dirty[(int) (page >>> 6)] |= 1L << page;
  }

  /**
   * Marks pages dirty by a bitmap, for an engine whose hardware keeps one: word for word, since a bitmap of much memory is walked often and most of it is zero.
   *
   * @param offset where in the mapping the page of the first bit begins; a multiple of {@link #PAGE_SIZE}
   * @param bitmap whole 64-bit words in the host's order, bit 0 of the first for the first page; no bit beyond the mapping's end is set
   */
  public void markDirty(long offset, MemorySegment bitmap) {
    int words = (int) (bitmap.byteSize() / Long.BYTES);
    long page = offset >>> PAGE_SHIFT;
    int first = (int) (page >>> 6);
    if ((page & 63) == 0) {
      for (int i = 0; i < words; i++) {
        dirty[first + i] |= bitmap.get(ValueLayout.JAVA_LONG, (long) i * Long.BYTES);
      }
      return;
    }
    for (int i = 0; i < words; i++) {
      long word = bitmap.get(ValueLayout.JAVA_LONG, (long) i * Long.BYTES);
      dirty[first + i] |= word << page;
      long above = word >>> -page;
      if (above != 0) {
        dirty[first + i + 1] |= above;
      }
    }
  }

  /** Whether the page at an offset of the mapping was written since its bit was cleared. */
  public boolean isDirty(long offset) {
    long page = offset >>> PAGE_SHIFT;
    return (dirty[(int) (page >>> 6)] & 1L << page) != 0;
  }

  /** How many pages are dirty. */
  public long dirtyPages() {
    long count = 0;
    for (long word : dirty) {
      count += Long.bitCount(word);
    }
    return count;
  }

  /**
   * Clears every dirty bit, handing each page's offset in the mapping to {@code page}, ascending. The vCPU is stopped; guest-visible state does not change.
   */
  public void harvestDirty(LongConsumer page) {
    for (int i = 0; i < dirty.length; i++) {
      long word = dirty[i];
      dirty[i] = 0;
      while (word != 0) {
        page.accept((((long) i << 6) + Long.numberOfTrailingZeros(word)) << PAGE_SHIFT);
        word &= word - 1;
      }
    }
    Observer told = observer;
    if (told != null) {
      told.dirtyCleared();
    }
  }

  private long checked(long guestPhysical, long size) {
    if (!contains(guestPhysical, size)) {
      throw new IllegalArgumentException(
          "guest-physical %#x+%#x is not memory".formatted(guestPhysical, size));
    }
    return offset(guestPhysical);
  }

  private void wrote(long guestPhysical, long size) {
    long first = offset(guestPhysical) & -PAGE_SIZE;
    long last = offset(guestPhysical) + size - 1;
    for (long at = first; at <= last; at += PAGE_SIZE) {
      markDirty(at);
    }
    Observer told = observer;
    if (told != null) {
      told.written(guestPhysical, size);
    }
  }
}
