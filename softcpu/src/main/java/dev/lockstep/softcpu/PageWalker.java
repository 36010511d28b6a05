package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.MemorySegment;

/**
 * Walks the guest's page tables (Intel SDM vol. 3A chapter 4): 32-bit, PAE and 4-level paging, with exact A and D bits.
 *
 * <p>A and D bits are set only by a walk that succeeds, rights included: a fault leaves the tables as they were.
 */
final class PageWalker {
  private static final long PRESENT = 1;
  private static final long WRITABLE = 1 << 1;
  private static final long USER = 1 << 2;
  private static final long ACCESSED = 1 << 5;
  private static final long DIRTY = 1 << 6;
  private static final long LARGE = 1 << 7;
  private static final long GLOBAL = 1 << 8;
  private static final long NO_EXECUTE = 1L << 63;

  private static final long FRAME_4K = 0x000f_ffff_ffff_f000L;
  private static final long ERROR_PRESENT = 1;
  private static final int ERROR_RESERVED = 1 << 3;

  private static final int SIZE_4K = 0;
  private static final int SIZE_2M = 1;
  private static final int SIZE_4M = 2;
  private static final int SIZE_1G = 3;

  /** Bits 62:52 are ignored in 4-level paging and reserved in PAE paging. */
  private static final long PAE_RESERVED = 0x7ff0_0000_0000_0000L;

  private final Cpu c;
  private final GuestMemory memory;
  private final MemorySegment segment;
  private final CodePages code;

  /** Bits of an address field above the model's physical width, up to bit 51. */
  private final long beyondWidth;

  /** {@link #LARGE} where the model has no pages of 1 GiB, so that the bit is reserved in a PDPTE. */
  private final long reservedSize;

  /** The PDPTE registers of PAE paging (4.4.1). */
  final long[] pdpte = new long[4];

  /** Offsets in the mapping and values of the entries of the walk in progress, outermost first. */
  private final long[] entryAt = new long[4];

  private final long[] entryValue = new long[4];

  PageWalker(Cpu c, CodePages code) {
    this.c = c;
    this.memory = c.memory;
    this.segment = c.memory.segment();
    this.code = code;
    this.beyondWidth = FRAME_4K & -(1L << c.model.physicalAddressBits());
    this.reservedSize = c.model.hasPagesOf1G() ? 0 : LARGE;
  }

  /**
   * Translates, checks rights, sets A and D bits.
   *
   * @param linear canonical
   * @param access {@link Mmu#WRITE}, {@link Mmu#USER}, {@link Mmu#FETCH}, {@link Mmu#CHECK_ONLY}
   * @return a {@link Tlb} entry
   */
  long walk(long linear, int access) {
    if ((c.efer & ControlRegisters.EFER_LMA) != 0) {
      return walkLong(linear, access, 4, c.cr3 & FRAME_4K & ~beyondWidth, 0);
    }
    if ((c.cr4 & ControlRegisters.PAE) != 0) {
      long top = pdpte[(int) (linear >>> 30) & 3];
      if ((top & PRESENT) == 0) {
        throw fault(linear, access, 0);
      }
      return walkLong(linear, access, 2, top & FRAME_4K, PAE_RESERVED);
    }
    return walk32(linear, access);
  }

  /** 4-level and PAE paging, from a level on: 4 is the PML4, 1 the page table. */
  private long walkLong(long linear, int access, int levels, long table, long alwaysReserved) {
    long reserved =
        alwaysReserved | beyondWidth | ((c.efer & ControlRegisters.EFER_NXE) != 0 ? 0 : NO_EXECUTE);
    long rights = WRITABLE | USER;
    long noExecute = 0;
    int count = 0;
    long at = table;
    for (int level = levels; ; level--) {
      int shift = 3 + 9 * level;
      long address = at + ((linear >>> shift & 0x1ff) << 3);
      long offset = memory.offset(address);
      long value = offset < 0 ? -1 : segment.get(GuestMemory.U64, offset);
      if ((value & PRESENT) == 0) {
        throw fault(linear, access, 0);
      }
      boolean leaf = level == 1 || (value & LARGE) != 0 && level <= 3;
      long refused = reserved;
      if (level == 4) {
        refused |= LARGE;
      } else if (leaf && level > 1) {
        // Between the frame and bit 12 (PAT) of a large page (tables 4-16 and 4-18).
        refused |= (1L << shift) - 1 & ~0x1fffL | (level == 3 ? reservedSize : 0);
      }
      if ((value & refused) != 0) {
        throw fault(linear, access, ERROR_PRESENT | ERROR_RESERVED);
      }
      rights &= value;
      noExecute |= value & NO_EXECUTE;
      entryAt[count] = offset;
      entryValue[count++] = value;
      if (leaf) {
        check(linear, access, rights, noExecute != 0);
        setBits(count, access, 8);
        long frame = value & FRAME_4K & -(1L << shift);
        long within = linear & (1L << shift) - 1 & -4096L;
        int size = level == 1 ? SIZE_4K : level == 2 ? SIZE_2M : SIZE_1G;
        return entry(frame | within, rights, value, noExecute != 0, size, access);
      }
      at = value & FRAME_4K;
    }
  }

  /** 32-bit paging with 4 MiB pages and PSE-36 (4.3). */
  private long walk32(long linear, int access) {
    long directory = (c.cr3 & 0xffff_f000L) + ((linear >>> 22 & 0x3ff) << 2);
    long offset = memory.offset(directory);
    long value = offset < 0 ? 0xffff_ffffL : segment.get(GuestMemory.U32, offset) & 0xffff_ffffL;
    if ((value & PRESENT) == 0) {
      throw fault(linear, access, 0);
    }
    entryAt[0] = offset;
    entryValue[0] = value;
    if ((value & LARGE) != 0 && (c.cr4 & ControlRegisters.PSE) != 0) {
      if ((value & 1 << 21) != 0) {
        throw fault(linear, access, ERROR_PRESENT | ERROR_RESERVED);
      }
      check(linear, access, value, false);
      setBits(1, access, 4);
      // Bits 39:32 of the frame are in bits 20:13 (table 4-4).
      long frame = value & 0xffc0_0000L | (value >>> 13 & 0xff) << 32;
      return entry(frame | linear & 0x3f_f000L, value, value, false, SIZE_4M, access);
    }
    long table = (value & 0xffff_f000L) + ((linear >>> 12 & 0x3ff) << 2);
    offset = memory.offset(table);
    long page = offset < 0 ? 0xffff_ffffL : segment.get(GuestMemory.U32, offset) & 0xffff_ffffL;
    if ((page & PRESENT) == 0) {
      throw fault(linear, access, 0);
    }
    entryAt[1] = offset;
    entryValue[1] = page;
    long rights = value & page;
    check(linear, access, rights, false);
    setBits(2, access, 4);
    return entry(page & 0xffff_f000L, rights, page, false, SIZE_4K, access);
  }

  private long entry(long frame, long rights, long leaf, boolean noExecute, int size, int access) {
    long flags = rights & (WRITABLE | USER) | (long) size << Tlb.SIZE_SHIFT;
    boolean sets = (access & (Mmu.WRITE | Mmu.CHECK_ONLY)) == Mmu.WRITE;
    if (sets || (leaf & DIRTY) != 0) {
      flags |= Tlb.DIRTY;
    }
    if ((leaf & GLOBAL) != 0 && (c.cr4 & ControlRegisters.PGE) != 0) {
      flags |= Tlb.GLOBAL;
    }
    return frame | flags | (noExecute ? Tlb.NO_EXECUTE : 0);
  }

  /** Access rights (4.6.1). */
  private void check(long linear, int access, long rights, boolean noExecute) {
    boolean user = (access & Mmu.USER) != 0;
    boolean refused = user && (rights & USER) == 0;
    if ((access & Mmu.WRITE) != 0 && (rights & WRITABLE) == 0) {
      refused |= user || (c.cr0 & ControlRegisters.WP) != 0;
    }
    refused |= noExecute && (access & Mmu.FETCH) != 0;
    if (refused) {
      throw fault(linear, access, ERROR_PRESENT);
    }
  }

  /** Sets A in every entry of the walk, and D in the last one of a write (4.8). */
  private void setBits(int count, int access, int width) {
    boolean write = (access & (Mmu.WRITE | Mmu.CHECK_ONLY)) == Mmu.WRITE;
    for (int i = 0; i < count; i++) {
      long wanted = entryValue[i] | ACCESSED | (write && i == count - 1 ? DIRTY : 0);
      if (wanted == entryValue[i]) {
        continue;
      }
      long at = entryAt[i];
      if ((access & Mmu.FETCH) == 0 && !c.single && code.meets(at, width)) {
        throw c.exits.restart();
      }
      if (width == 8) {
        segment.set(GuestMemory.U64, at, wanted);
      } else {
        segment.set(GuestMemory.U32, at, (int) wanted);
      }
      memory.markDirty(at);
      code.written(at, width);
    }
  }

  private GuestFault fault(long linear, int access, long reason) {
    // I/D is defined only where fetches can be refused (4.7).
    boolean nx = (c.efer & ControlRegisters.EFER_NXE) != 0 && (c.cr4 & ControlRegisters.PAE) != 0;
    int visible = Mmu.WRITE | Mmu.USER | (nx ? Mmu.FETCH : 0);
    return c.fault.raisePageFault(linear, (int) reason | access & visible);
  }

  /**
   * Reads the four PDPTEs at CR3 (4.4.1).
   *
   * @return false where a present one has reserved bits set; nothing is changed then
   */
  boolean loadPdptes(long cr3) {
    long reserved = PAE_RESERVED | NO_EXECUTE | beyondWidth | 0x1e6;
    long[] loaded = new long[4];
    for (int i = 0; i < 4; i++) {
      long offset = memory.offset((cr3 & 0xffff_ffe0L) + 8L * i);
      loaded[i] = offset < 0 ? -1 : segment.get(GuestMemory.U64, offset);
      if ((loaded[i] & PRESENT) != 0 && (loaded[i] & reserved) != 0) {
        return false;
      }
    }
    System.arraycopy(loaded, 0, pdpte, 0, 4);
    return true;
  }
}
