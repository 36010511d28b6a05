package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;

/**
 * Walks the guest's page tables (Intel SDM vol. 3A ch. 4): none, 32-bit, PAE, 4-level. Accessed and dirty bits are set when a walk succeeds, in every entry it used, never when it faults.
 */
final class PageWalker {
  private static final int PRESENT = 1;
  private static final int WRITABLE = 2;
  private static final int USER = 4;
  private static final int ACCESSED = 0x20;
  private static final int DIRTY = 0x40;
  private static final int LARGE = 0x80;
  private static final int GLOBAL = 0x100;
  private static final long NX = 1L << 63;

  private static final int FAULT_PRESENT = 1;
  private static final int FAULT_WRITE = 2;
  private static final int FAULT_USER = 4;
  private static final int FAULT_RESERVED = 8;
  private static final int FAULT_FETCH = 16;

  private static final long CR0_PG = 1L << 31;
  private static final long CR0_WP = 1 << 16;
  private static final long CR4_PSE = 1 << 4;
  private static final long CR4_PAE = 1 << 5;
  private static final long CR4_PGE = 1 << 7;
  private static final long EFER_NXE = 1 << 11;
  private static final long EFER_LMA = 1 << 10;
  private static final long FRAME = 0x000f_ffff_ffff_f000L;

  private final Cpu c;
  private final GuestMemory memory;
  private final CodePages code;
  private final long physicalMask;

  /** PAE's four top entries, loaded with CR3 (SDM 4.4.1). */
  final long[] pdpte = new long[4];

  /** Results of the last walk that succeeded. */
  long physicalPage;

  int flags;

  /** The entries the walk used: addresses and widths, to set A and D in. */
  private final long[] entryAddress = new long[4];

  private final long[] entryValue = new long[4];
  private int entries;
  private int entryBytes;
  private long reserved;
  private boolean userPage;
  private boolean writablePage;
  private boolean noExecute;

  PageWalker(Cpu c, CodePages code) {
    this.c = c;
    this.memory = c.memory;
    this.code = code;
    this.physicalMask = (1L << c.model.physicalAddressBits()) - 1;
  }

  /**
   * Translates a linear address. On success {@link #physicalPage} and {@link #flags} are set, and A and D bits written; otherwise throws #PF.
   *
   * @param linear the address of the access, for CR2
   */
  void walk(long linear, boolean write, boolean user, boolean fetch) {
    entries = 0;
    userPage = true;
    writablePage = true;
    noExecute = false;
    if ((c.cr0 & CR0_PG) == 0) {
      physicalPage = linear & 0xffff_f000L;
      flags = Tlb.WRITABLE | Tlb.USER | Tlb.DIRTY;
      return;
    }
    boolean nxe = (c.efer & EFER_NXE) != 0;
    reserved = FRAME & ~physicalMask | (nxe ? 0 : NX);
    int code = faultCode(write, user, fetch, nxe);
    if ((c.efer & EFER_LMA) != 0) {
      entryBytes = 8;
      walkLong(linear, code);
    } else if ((c.cr4 & CR4_PAE) != 0) {
      entryBytes = 8;
      walkPae(linear, code);
    } else {
      entryBytes = 4;
      walk32(linear, code);
    }
    boolean refused =
        user && !userPage
            || write && !writablePage && (user || (c.cr0 & CR0_WP) != 0)
            || fetch && noExecute;
    if (refused) {
      throw c.fault.raisePageFault(linear, code | FAULT_PRESENT);
    }
    setAccessed(write);
    long leaf = entryValue[entries - 1];
    flags =
        (writablePage ? Tlb.WRITABLE : 0)
            | (userPage ? Tlb.USER : 0)
            | ((leaf & DIRTY) != 0 ? Tlb.DIRTY : 0)
            | ((leaf & GLOBAL) != 0 && (c.cr4 & CR4_PGE) != 0 ? Tlb.GLOBAL : 0)
            | (noExecute ? Tlb.NO_EXECUTE : 0);
  }

  private int faultCode(boolean write, boolean user, boolean fetch, boolean nxe) {
    boolean fetchBit = fetch && nxe && (c.cr4 & CR4_PAE) != 0;
    return (write ? FAULT_WRITE : 0) | (user ? FAULT_USER : 0) | (fetchBit ? FAULT_FETCH : 0);
  }

  private void walkLong(long linear, int code) {
    long table = c.cr3 & FRAME & physicalMask;
    for (int level = 3; ; level--) {
      int shift = 12 + 9 * level;
      long entry = take(table + ((linear >>> shift & 0x1ff) << 3), linear, code);
      boolean large = level > 0 && (entry & LARGE) != 0;
      if (large && level == 3) {
        throw c.fault.raisePageFault(linear, code | FAULT_PRESENT | FAULT_RESERVED);
      }
      if (level == 0 || large) {
        finish(linear, entry, shift, code);
        return;
      }
      table = entry & FRAME;
    }
  }

  private void walkPae(long linear, int code) {
    long top = pdpte[(int) (linear >>> 30) & 3];
    if ((top & PRESENT) == 0) {
      throw c.fault.raisePageFault(linear, code);
    }
    long entry = take((top & FRAME) + ((linear >>> 21 & 0x1ff) << 3), linear, code);
    if ((entry & LARGE) != 0) {
      finish(linear, entry, 21, code);
      return;
    }
    entry = take((entry & FRAME) + ((linear >>> 12 & 0x1ff) << 3), linear, code);
    finish(linear, entry, 12, code);
  }

  private void walk32(long linear, int code) {
    reserved = 0;
    long entry = take((c.cr3 & 0xffff_f000L) + ((linear >>> 22 & 0x3ff) << 2), linear, code);
    if ((entry & LARGE) != 0 && (c.cr4 & CR4_PSE) != 0) {
      // PSE-36: bits 20:13 are physical bits 39:32, bit 21 is reserved (SDM table 4-4).
      if ((entry & 1 << 21) != 0) {
        throw c.fault.raisePageFault(linear, code | FAULT_PRESENT | FAULT_RESERVED);
      }
      long base = entry & 0xffc0_0000L | (entry & 0x1f_e000L) << 19;
      physicalPage = base | linear & 0x3f_f000;
      return;
    }
    entry = take((entry & 0xffff_f000L) + ((linear >>> 12 & 0x3ff) << 2), linear, code);
    physicalPage = entry & 0xffff_f000L;
  }

  /** Reads an entry, checks present and reserved bits, and adds its rights to the walk's. */
  private long take(long address, long linear, int code) {
    long value;
    long offset = memory.offset(address);
    if (offset < 0) {
      value = -1L; // nothing answers there: all ones, as on the bus
    } else if (entryBytes == 8) {
      value = memory.read64(address);
    } else {
      value = memory.read32(address) & 0xffff_ffffL;
    }
    if ((value & PRESENT) == 0) {
      throw c.fault.raisePageFault(linear, code);
    }
    if ((value & reserved) != 0) {
      throw c.fault.raisePageFault(linear, code | FAULT_PRESENT | FAULT_RESERVED);
    }
    userPage &= (value & USER) != 0;
    writablePage &= (value & WRITABLE) != 0;
    noExecute |= entryBytes == 8 && (value & NX) != 0;
    entryAddress[entries] = address;
    entryValue[entries++] = value;
    return value;
  }

  private void finish(long linear, long entry, int shift, int code) {
    long inside = (1L << shift) - 1;
    // In a large page's entry the bits between PAT (12) and the frame are reserved.
    if ((entry & FRAME & inside & ~0x1000L) != 0 && shift > 12) {
      throw c.fault.raisePageFault(linear, code | FAULT_PRESENT | FAULT_RESERVED);
    }
    physicalPage = (entry & FRAME & ~inside) | linear & inside & -4096;
  }

  /** Sets A in every entry used and, for a write, D in the leaf. An entry on decoded code is written by an operation that runs alone. */
  private void setAccessed(boolean write) {
    for (int i = 0; i < entries; i++) {
      long wanted = entryValue[i] | ACCESSED | (write && i == entries - 1 ? DIRTY : 0);
      if (wanted != entryValue[i]) {
        long offset = memory.offset(entryAddress[i]);
        if (offset >= 0 && code.meets(offset, entryBytes) && !c.single) {
          throw c.exits.restart();
        }
      }
    }
    for (int i = 0; i < entries; i++) {
      long wanted = entryValue[i] | ACCESSED | (write && i == entries - 1 ? DIRTY : 0);
      if (wanted != entryValue[i] && memory.offset(entryAddress[i]) >= 0) {
        entryValue[i] = wanted;
        // Tells the code cache as well, as memory's observer.
        if (entryBytes == 8) {
          memory.write64(entryAddress[i], wanted);
        } else {
          memory.write32(entryAddress[i], (int) wanted);
        }
      }
    }
  }

  /**
   * Loads PAE's four entries from where CR3 points.
   *
   * @return false if a present one has reserved bits set, which is #GP(0) for the instruction that loads them; nothing has changed then
   */
  boolean loadPdptes(long cr3) {
    long[] loaded = new long[4];
    for (int i = 0; i < 4; i++) {
      long address = (cr3 & 0xffff_ffe0L) + 8L * i;
      loaded[i] = memory.offset(address) < 0 ? -1L : memory.read64(address);
      long reservedBits = ~physicalMask | 0x1e6;
      if ((loaded[i] & PRESENT) != 0 && (loaded[i] & reservedBits) != 0) {
        return false;
      }
    }
    System.arraycopy(loaded, 0, pdpte, 0, 4);
    return true;
  }
}
