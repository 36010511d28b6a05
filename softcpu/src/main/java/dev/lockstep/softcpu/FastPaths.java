package dev.lockstep.softcpu;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * What the common access looks at instead of the {@link Tlb}: arrays derived from it, index by index, for each privilege and for loads, stores and fetches. An entry is two longs: the linear address of
 * a page, and what turns a linear address into an offset of the mapping.
 *
 * <p>Any entry may be dropped at any time without visible effect. An entry for stores exists only while the page's D bit is known to be set, the page is marked dirty in guest memory and has no decoded
 * code; no entry for data exists while a data breakpoint is armed.
 */
final class FastPaths {
  /** No page has this address. */
  static final long NOTHING = -1;

  /** Shifts a linear address to twice its page number. */
  static final int INDEX_SHIFT = 11;

  private static final long PAGE_MASK = -4096L;
  private static final int PAGE_SHIFT = 12;

  final long[] supervisorLoads;
  final long[] supervisorStores;
  final long[] userLoads;
  final long[] userStores;
  final long[] supervisorFetches;
  final long[] userFetches;

  /** Never hits: stands in while every access has to be looked at. */
  final long[] none;

  /** The arrays of the current privilege as code of the host takes them. */
  MemorySegment loadSegment = MemorySegment.NULL;

  MemorySegment storeSegment = MemorySegment.NULL;
  MemorySegment fetchSegment = MemorySegment.NULL;

  private final long[][] arrays;
  private final MemorySegment[] segments;

  /** Entries as the TLBs have them, powers of two. */
  FastPaths(int dataEntries, int fetchEntries) {
    supervisorLoads = new long[2 * dataEntries];
    supervisorStores = new long[2 * dataEntries];
    userLoads = new long[2 * dataEntries];
    userStores = new long[2 * dataEntries];
    supervisorFetches = new long[2 * fetchEntries];
    userFetches = new long[2 * fetchEntries];
    none = new long[2 * dataEntries];
    Arrays.fill(none, NOTHING);
    arrays =
        new long[][] {
          supervisorLoads,
          supervisorStores,
          supervisorFetches,
          userLoads,
          userStores,
          userFetches,
          none
        };
    segments = Arrays.stream(arrays).map(MemorySegment::ofArray).toArray(MemorySegment[]::new);
    drop();
  }

  /** These arrays are those of the current privilege. */
  void choose(long[] loads, long[] stores, long[] fetches) {
    loadSegment = segment(loads);
    storeSegment = segment(stores);
    fetchSegment = segment(fetches);
  }

  private MemorySegment segment(long[] array) {
    for (int i = 0; i < arrays.length; i++) {
      if (arrays[i] == array) {
        return segments[i];
      }
    }
    throw new IllegalArgumentException("an array of somebody else");
  }

  void addLoad(boolean user, long linear, long offset) {
    add(user ? userLoads : supervisorLoads, linear, offset);
  }

  void addStore(boolean user, long linear, long offset) {
    add(user ? userStores : supervisorStores, linear, offset);
  }

  void addFetch(boolean user, long linear, long offset) {
    add(user ? userFetches : supervisorFetches, linear, offset);
  }

  private static void add(long[] entries, long linear, long offset) {
    int i = (int) (linear >>> INDEX_SHIFT) & entries.length - 2;
    entries[i] = linear & PAGE_MASK;
    entries[i + 1] = offset - linear;
  }

  /** Drops everything. */
  void drop() {
    Arrays.fill(supervisorLoads, NOTHING);
    Arrays.fill(userLoads, NOTHING);
    Arrays.fill(supervisorFetches, NOTHING);
    Arrays.fill(userFetches, NOTHING);
    dropStores();
  }

  /** Drops all entries for stores. */
  void dropStores() {
    Arrays.fill(supervisorStores, NOTHING);
    Arrays.fill(userStores, NOTHING);
  }

  /** Drops the entries for stores to a page, an offset of the mapping divided by the page size. */
  void dropStoresTo(int page) {
    dropStoresTo(supervisorStores, page);
    dropStoresTo(userStores, page);
  }

  private static void dropStoresTo(long[] entries, int page) {
    for (int i = 0; i < entries.length; i += 2) {
      if (entries[i] != NOTHING && (entries[i] + entries[i + 1]) >>> PAGE_SHIFT == page) {
        entries[i] = NOTHING;
      }
    }
  }

  /** Drops what was derived from an index of the data TLB. */
  void dropData(int index) {
    int i = 2 * index;
    supervisorLoads[i] = NOTHING;
    supervisorStores[i] = NOTHING;
    userLoads[i] = NOTHING;
    userStores[i] = NOTHING;
  }

  /** Drops what was derived from an index of the fetch TLB. */
  void dropFetch(int index) {
    int i = 2 * index;
    supervisorFetches[i] = NOTHING;
    userFetches[i] = NOTHING;
  }
}
