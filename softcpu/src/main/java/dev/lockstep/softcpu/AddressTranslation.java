package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * From linear addresses to offsets in the mapping, with rights checked: the {@link Tlb}s for data and fetches, the walker that fills them, and the {@link FastPaths} derived from them. Only {@link Mmu}
 * calls it.
 */
final class AddressTranslation {
  static final int DATA_ENTRIES = 1024;
  static final int FETCH_ENTRIES = 256;

  private static final long PAGE_MASK = -4096L;
  private static final byte STATE_VERSION = 1;
  private static final int PDPTE_BYTES = 4 * Long.BYTES;

  private final Cpu c;
  private final GuestMemory memory;
  final FastPaths fast = new FastPaths(DATA_ENTRIES, FETCH_ENTRIES);
  final CodePages code;
  final PageWalker walker;
  private final Tlb data;
  private final Tlb fetch;

  /** CR0.PG. */
  boolean paging;

  /** Every access to data is to be looked at: none may be put on a fast path. */
  boolean observed;

  /** Walks of the tables for data, and for fetches. */
  long dataWalks;

  long fetchWalks;

  /** See {@link Mmu#fetchEpoch}. */
  int fetchEpoch;

  AddressTranslation(Cpu c) {
    this.c = c;
    this.memory = c.memory;
    this.code = new CodePages(memory.segment().byteSize());
    this.walker = new PageWalker(c, code);
    this.data = new Tlb(DATA_ENTRIES, fast::dropData);
    this.fetch = new Tlb(FETCH_ENTRIES, fast::dropFetch);
  }

  /**
   * Translates for data, filling the TLB and the fast path.
   *
   * @return the offset in the mapping, or {@code ~}guest-physical (negative) where there is no memory
   */
  long translate(long linear, int access) {
    long entry = Tlb.DIRTY;
    long physical;
    if (paging) {
      entry = data.lookup(linear);
      if (entry == -1 || !allows(entry, access)) {
        dataWalks++;
        entry = refill(data, linear, access);
      }
      physical = frame(entry) | linear & ~PAGE_MASK;
    } else {
      physical = linear & 0xffff_ffffL;
    }
    long offset = memory.offset(physical);
    if (offset < 0) {
      return ~physical;
    }
    boolean write = (access & (Mmu.WRITE | Mmu.CHECK_ONLY)) == Mmu.WRITE;
    if (observed) {
      if (write) {
        memory.markDirty(offset);
      }
    } else if (!c.debug.dataArmed) {
      boolean user = (access & Mmu.USER) != 0;
      fast.addLoad(user, linear, offset);
      if (write) {
        memory.markDirty(offset);
        if (!code.hasCode(offset)) {
          fast.addStore(user, linear, offset);
        }
      }
    }
    return offset;
  }

  /**
   * Translates for a fetch, filling the TLB and the fast path.
   *
   * @return the offset in the mapping, or {@code ~}guest-physical (negative) where there is no memory
   */
  long fetch(long linear, int access) {
    long physical;
    if (paging) {
      long entry = fetch.lookup(linear);
      if (entry == -1 || !allows(entry, access)) {
        fetchWalks++;
        entry = refill(fetch, linear, access);
      }
      physical = frame(entry) | linear & ~PAGE_MASK;
    } else {
      physical = linear & 0xffff_ffffL;
    }
    long offset = memory.offset(physical);
    if (offset < 0) {
      return ~physical;
    }
    fast.addFetch((access & Mmu.USER) != 0, linear, offset);
    return offset;
  }

  /** Whether a cached translation is enough; where it is not, the tables decide. */
  private boolean allows(long entry, int access) {
    if ((access & Mmu.USER) != 0 && (entry & Tlb.USER) == 0) {
      return false;
    }
    if ((access & Mmu.WRITE) != 0) {
      if ((entry & Tlb.WRITABLE) == 0
          && ((access & Mmu.USER) != 0 || (c.cr0 & ControlRegisters.WP) != 0)) {
        return false;
      }
      if ((entry & Tlb.DIRTY) == 0 && (access & Mmu.CHECK_ONLY) == 0) {
        return false;
      }
    }
    return (access & Mmu.FETCH) == 0 || (entry & Tlb.NO_EXECUTE) == 0;
  }

  private long refill(Tlb tlb, long linear, int access) {
    if (linear << 16 >> 16 != linear) {
      throw c.fault.raiseNonCanonical();
    }
    // A page fault forgets the page in both (4.10.4.1); whether it will be one is not known yet,
    // and forgetting early does no harm: the walk's result replaces it.
    tlb.evict(linear);
    long entry;
    try {
      entry = walker.walk(linear, access & ~Mmu.SYSTEM);
    } catch (GuestFault fault) {
      data.evict(linear);
      fetch.evict(linear);
      fetchEpoch++;
      throw fault;
    }
    tlb.insert(linear, entry);
    return entry;
  }

  private static long frame(long entry) {
    return entry & PAGE_MASK;
  }

  /** A load of CR3: everything but global pages goes. */
  void flushLocal() {
    data.flushLocal();
    fetch.flushLocal();
    fetchEpoch++;
  }

  /** Everything goes. */
  void flushAll() {
    data.flushAll();
    fetch.flushAll();
    dropFastPaths();
  }

  /** Forgets one page. */
  void invalidate(long linear) {
    data.invalidate(linear);
    fetch.invalidate(linear);
    fetchEpoch++;
  }

  /** Nothing that the guest could see. */
  void dropFastPaths() {
    fast.drop();
    fetchEpoch++;
  }

  /** The TLBs and PDPTE registers. Changes nothing. */
  byte[] save() {
    ByteBuffer out = ByteBuffer.allocate(1 + PDPTE_BYTES + data.savedBytes() + fetch.savedBytes());
    out.put(STATE_VERSION);
    for (long value : walker.pdpte) {
      out.putLong(value);
    }
    data.save(out);
    fetch.save(out);
    return out.array();
  }

  /**
   * Takes over what {@link #save} gave; from an empty array: empty TLBs, and PDPTEs from memory. The registers are set already.
   *
   * @return false if it is neither
   */
  boolean restore(byte[] saved) {
    flushAll();
    Arrays.fill(walker.pdpte, 0);
    if (saved.length == 0) {
      boolean pae = (c.cr0 & ControlRegisters.PG) != 0 && (c.cr4 & ControlRegisters.PAE) != 0;
      if (pae && (c.efer & ControlRegisters.EFER_LMA) == 0) {
        walker.loadPdptes(c.cr3);
      }
      return true;
    }
    ByteBuffer in = ByteBuffer.wrap(saved);
    if (in.remaining() < 1 + PDPTE_BYTES || in.get() != STATE_VERSION) {
      return false;
    }
    for (int i = 0; i < walker.pdpte.length; i++) {
      walker.pdpte[i] = in.getLong();
    }
    return data.restore(in) && fetch.restore(in) && !in.hasRemaining();
  }
}
