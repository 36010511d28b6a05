package dev.lockstep.softcpu;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A translation lookaside buffer as the guest can see it: which translations are cached decides when accessed and dirty bits are set and how long a stale entry lives. Direct-mapped, so that its
 * contents follow from executed guest instructions alone. Derived fast paths are kept elsewhere and never fill or evict here.
 */
final class Tlb {
  /** A tag that no page has. */
  static final long INVALID = 1;

  static final int WRITABLE = 1;
  static final int USER = 2;
  static final int DIRTY = 4;
  static final int GLOBAL = 8;
  static final int NO_EXECUTE = 16;

  private static final int ENTRY_BYTES = 2 + 8 + 8 + 1;

  final int size;

  /** Linear address of the page, or {@link #INVALID}. */
  final long[] tag;

  /** Guest-physical address of the page. */
  final long[] physical;

  /** What the walk allowed. */
  final byte[] flags;

  Tlb(int size) {
    this.size = size;
    this.tag = new long[size];
    this.physical = new long[size];
    this.flags = new byte[size];
    Arrays.fill(tag, INVALID);
  }

  int index(long linear) {
    return (int) (linear >>> 12) & size - 1;
  }

  void fill(long linear, long physicalPage, int entryFlags) {
    int i = index(linear);
    tag[i] = linear & -4096;
    physical[i] = physicalPage;
    flags[i] = (byte) entryFlags;
  }

  /** Drops every entry, or all but the global ones. */
  void flush(boolean keepGlobal) {
    if (!keepGlobal) {
      Arrays.fill(tag, INVALID);
      return;
    }
    for (int i = 0; i < size; i++) {
      if ((flags[i] & GLOBAL) == 0) {
        tag[i] = INVALID;
      }
    }
  }

  /** Drops the entry of one page. */
  void flushPage(long linear) {
    int i = index(linear);
    if (tag[i] == (linear & -4096)) {
      tag[i] = INVALID;
    }
  }

  /** Bytes that {@link #save} writes. */
  int savedBytes() {
    int entries = 0;
    for (long one : tag) {
      entries += one == INVALID ? 0 : 1;
    }
    return 2 + entries * ENTRY_BYTES;
  }

  void save(ByteBuffer out) {
    int at = out.position();
    out.putShort((short) 0);
    int entries = 0;
    for (int i = 0; i < size; i++) {
      if (tag[i] != INVALID) {
        out.putShort((short) i).putLong(tag[i]).putLong(physical[i]).put(flags[i]);
        entries++;
      }
    }
    out.putShort(at, (short) entries);
  }

  /** Reads what {@link #save} wrote; false if it is not that. */
  boolean restore(ByteBuffer in) {
    Arrays.fill(tag, INVALID);
    if (in.remaining() < 2) {
      return false;
    }
    int entries = in.getShort() & 0xffff;
    if (entries > size || in.remaining() < entries * ENTRY_BYTES) {
      return false;
    }
    for (int n = 0; n < entries; n++) {
      int i = in.getShort() & 0xffff;
      if (i >= size) {
        return false;
      }
      tag[i] = in.getLong();
      physical[i] = in.getLong();
      flags[i] = in.get();
    }
    return true;
  }
}
