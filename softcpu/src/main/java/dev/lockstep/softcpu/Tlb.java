package dev.lockstep.softcpu;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A translation lookaside buffer that the guest can see through A and D bits and stale entries: direct-mapped by the low bits of the linear page number, filled only by the guest's own accesses. Its
 * contents are machine state.
 *
 * <p>An entry holds one 4 KiB page, whatever the size of the page in the tables (Intel SDM vol. 3A 4.10.2.3 permits that); it remembers that size so that INVLPG finds all pieces (4.10.4.1).
 */
final class Tlb {
  /** Writes are allowed (R/W at every level). */
  static final long WRITABLE = 1 << 1;

  /** User accesses are allowed (U/S at every level). */
  static final long USER = 1 << 2;

  /** The D bit of the mapping entry is known to be set. */
  static final long DIRTY = 1 << 6;

  /** Survives a load of CR3. */
  static final long GLOBAL = 1 << 8;

  /** Instruction fetch is refused. */
  static final long NO_EXECUTE = 1 << 9;

  /** Two bits: the page's size in the tables, index into {@link #SIZE_SHIFTS}. */
  static final int SIZE_SHIFT = 10;

  /** log2 of the page sizes that {@link #SIZE_SHIFT} numbers: 4 KiB, 2 MiB, 4 MiB, 1 GiB. */
  private static final int[] SIZE_SHIFTS = {12, 21, 22, 30};

  /** A tag that no page has. */
  static final long INVALID = -1;

  private static final long PAGE_MASK = -4096L;
  private static final int PAGE_SHIFT = 12;
  private static final int ENTRY_BYTES = 2 * Long.BYTES;

  /** Linear page addresses, or {@link #INVALID}. */
  final long[] tag;

  /** Guest-physical page address, with the flags above in the low bits. */
  final long[] entry;

  private final int indexMask;

  /** One bit per entry that is valid. */
  private final long[] valid;

  /** One bit per entry that is valid and global. */
  private final long[] global;

  private int largeEntries;

  /** What has to be forgotten with an entry. */
  interface Derived {
    /** The entry at that index is no longer what it was. */
    void dropped(int index);
  }

  private final Derived derived;

  /**
   * @param entries a power of two, at least 64
   * @param derived told of every entry that goes
   */
  Tlb(int entries, Derived derived) {
    this.indexMask = entries - 1;
    this.tag = new long[entries];
    this.entry = new long[entries];
    this.valid = new long[entries / 64];
    this.global = new long[entries / 64];
    this.derived = derived;
    Arrays.fill(tag, INVALID);
  }

  int index(long linear) {
    return (int) (linear >>> PAGE_SHIFT) & indexMask;
  }

  /** The entry of a page, or -1. */
  long lookup(long linear) {
    int i = index(linear);
    return tag[i] == (linear & PAGE_MASK) ? entry[i] : -1;
  }

  /** Replaces what is at the page's index. */
  void insert(long linear, long newEntry) {
    int i = index(linear);
    drop(i);
    tag[i] = linear & PAGE_MASK;
    entry[i] = newEntry;
    long bit = 1L << i;
    valid[i >> 6] |= bit;
    if ((newEntry & GLOBAL) != 0) {
      global[i >> 6] |= bit;
    }
    if (sizeShift(newEntry) != PAGE_SHIFT) {
      largeEntries++;
    }
  }

  /** Forgets the page of an address, with the other pieces of it where it is a large one. */
  void invalidate(long linear) {
    int i = index(linear);
    if (tag[i] == (linear & PAGE_MASK)) {
      drop(i);
    }
    if (largeEntries == 0) {
      return;
    }
    for (int word = 0; word < valid.length; word++) {
      for (long bits = valid[word]; bits != 0; bits &= bits - 1) {
        int at = (word << 6) + Long.numberOfTrailingZeros(bits);
        if ((tag[at] ^ linear) >>> sizeShift(entry[at]) == 0) {
          drop(at);
        }
      }
    }
  }

  /** Forgets the 4 KiB entry of one address alone. */
  void evict(long linear) {
    int i = index(linear);
    if (tag[i] == (linear & PAGE_MASK)) {
      drop(i);
    }
  }

  /** Forgets everything that is not global. */
  void flushLocal() {
    for (int word = 0; word < valid.length; word++) {
      for (long bits = valid[word] & ~global[word]; bits != 0; bits &= bits - 1) {
        drop((word << 6) + Long.numberOfTrailingZeros(bits));
      }
    }
  }

  /** Forgets everything. */
  void flushAll() {
    for (int word = 0; word < valid.length; word++) {
      for (long bits = valid[word]; bits != 0; bits &= bits - 1) {
        drop((word << 6) + Long.numberOfTrailingZeros(bits));
      }
    }
  }

  private void drop(int i) {
    if (tag[i] == INVALID) {
      return;
    }
    if (sizeShift(entry[i]) != PAGE_SHIFT) {
      largeEntries--;
    }
    tag[i] = INVALID;
    entry[i] = 0;
    valid[i >> 6] &= ~(1L << i);
    global[i >> 6] &= ~(1L << i);
    derived.dropped(i);
  }

  private static int sizeShift(long entry) {
    return SIZE_SHIFTS[(int) (entry >>> SIZE_SHIFT) & 3];
  }

  /** Bytes that {@link #save} writes. */
  int savedBytes() {
    return Short.BYTES + count() * ENTRY_BYTES;
  }

  private int count() {
    int count = 0;
    for (long word : valid) {
      count += Long.bitCount(word);
    }
    return count;
  }

  /** Writes the valid entries. */
  void save(ByteBuffer out) {
    out.putShort((short) count());
    for (int i = 0; i < tag.length; i++) {
      if (tag[i] != INVALID) {
        out.putLong(tag[i]).putLong(entry[i]);
      }
    }
  }

  /** Replaces everything by what {@link #save} wrote; false if it is not that. */
  boolean restore(ByteBuffer in) {
    flushAll();
    if (in.remaining() < Short.BYTES) {
      return false;
    }
    int count = in.getShort() & 0xffff;
    if (in.remaining() < count * ENTRY_BYTES) {
      return false;
    }
    for (int n = 0; n < count; n++) {
      long page = in.getLong();
      long saved = in.getLong();
      if ((page & ~PAGE_MASK) != 0 || tag[index(page)] != INVALID) {
        return false;
      }
      insert(page, saved);
    }
    return true;
  }
}
