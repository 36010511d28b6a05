package dev.lockstep.vmm.trace;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Guesses addresses and values of memory accesses, from the accesses that the same place in the same code made before, from the access before this one, and from what was last seen in memory. Writer and
 * reader keep the same.
 */
final class AccessModel {
  private static final int PAGE_SHIFT = 12;
  private static final int PAGES = 1 << 12;
  private static final int WORDS = 1 << 16;

  /** What is known of one piece of code. */
  static final class Site {
    /** The accesses it made last: as {@link AccessShapes} packs them. */
    int[] shape = {};

    private long[] last = {};
    private long[] stride = {};
    private long[] apart = {};
    private long[] value = {};
    private long[] valueStride = {};

    void room(int accesses) {
      if (accesses > last.length) {
        last = Arrays.copyOf(last, accesses);
        stride = Arrays.copyOf(stride, accesses);
        apart = Arrays.copyOf(apart, accesses);
        value = Arrays.copyOf(value, accesses);
        valueStride = Arrays.copyOf(valueStride, accesses);
      }
    }

    /** The address of its access number {@code k} when it was executed last. */
    long last(int k) {
      return last[k];
    }

    /** That, moved on as it moved on then. */
    long moved(int k) {
      return last[k] + stride[k];
    }

    /** As far from {@code previous}, the address of the access before, as it was then. */
    long beside(int k, long previous) {
      return previous + apart[k];
    }

    void at(int k, long linear, long previous) {
      stride[k] = linear - last[k];
      apart[k] = linear - previous;
      last[k] = linear;
    }

    /** Its value when it was executed last. */
    long value(int k) {
      return value[k];
    }

    /** That, moved on as it moved on then, in {@code size} bytes. */
    long movedValue(int k, int size) {
      return value[k] + valueStride[k] & mask(size);
    }

    void had(int k, long seen) {
      valueStride[k] = seen - value[k];
      value[k] = seen;
    }
  }

  private @Nullable Site[] sites = new Site[1 << 12];
  private final long[] pageOf = new long[PAGES];
  private final long[] frameOf = new long[PAGES];
  private final long[] wordAt = new long[WORDS];
  private final long[] words = new long[WORDS];
  private final byte[] knownBytes = new byte[WORDS];

  /** Forgets everything. */
  void reset() {
    Arrays.fill(sites, null);
    Arrays.fill(pageOf, 0);
    Arrays.fill(frameOf, 0);
    Arrays.fill(knownBytes, (byte) 0);
  }

  Site site(int code) {
    if (code >= sites.length) {
      sites = Arrays.copyOf(sites, Math.max(2 * sites.length, code + 1));
    }
    Site site = sites[code];
    if (site == null) {
      site = new Site();
      sites[code] = site;
    }
    return site;
  }

  static long mask(int size) {
    return size == 8 ? -1L : (1L << 8 * size) - 1;
  }

  // ---------------------------------------------------------------- pages

  /** The physical page that an address was last seen in, or 0. */
  long frame(long linear) {
    long page = linear >>> PAGE_SHIFT;
    int slot = (int) page & PAGES - 1;
    return pageOf[slot] == page ? frameOf[slot] : 0;
  }

  void mapped(long linear, long frame) {
    long page = linear >>> PAGE_SHIFT;
    int slot = (int) page & PAGES - 1;
    pageOf[slot] = page;
    frameOf[slot] = frame;
  }

  // ---------------------------------------------------------------- values

  /** Whether all of some bytes were seen; never of those in two words. */
  boolean knows(long physical, int size) {
    int within = (int) physical & 7;
    if (within + size > 8) {
      return false;
    }
    int slot = slot(physical);
    int wanted = (1 << size) - 1 << within;
    return wordAt[slot] == physical >>> 3 && (knownBytes[slot] & wanted) == wanted;
  }

  /** What was seen there last; only if {@link #knows}. */
  long seen(long physical, int size) {
    return words[slot(physical)] >>> 8 * (physical & 7) & mask(size);
  }

  /** Some bytes are there now. */
  void remember(long physical, int size, long value) {
    int within = (int) physical & 7;
    int first = Math.min(size, 8 - within);
    rememberWord(physical, first, value & mask(first));
    if (first < size) {
      rememberWord(physical + first, size - first, value >>> 8 * first);
    }
  }

  private void rememberWord(long physical, int size, long value) {
    int slot = slot(physical);
    int within = (int) physical & 7;
    if (wordAt[slot] != physical >>> 3) {
      wordAt[slot] = physical >>> 3;
      knownBytes[slot] = 0;
    }
    long mask = mask(size) << 8 * within;
    words[slot] = words[slot] & ~mask | value << 8 * within;
    knownBytes[slot] |= (byte) ((1 << size) - 1 << within);
  }

  private static int slot(long physical) {
    return (int) (physical >>> 3) & WORDS - 1;
  }
}
