package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Guest memory as instructions see it: by linear address, with all checks.
 *
 * <p>Two storeys. Below, the {@link Tlb}s for data and fetches, which the guest can see and which are part of the machine's state. Above, {@link FastPaths} derived from them, which may be dropped at any time without visible effect.
 *
 * <p>Values are zero-extended. Accesses may cross pages; both pages are checked before anything happens. Every method throws {@link GuestFault} for what the guest did wrong, and {@link ExitSignal} for
 * a device's answer or a start over alone, in all cases without any effect but A and D bits.
 */
final class Mmu implements GuestMemory.Observer {
  /** A store, or a load of an operand that will be stored to; the W/R bit of the error code. */
  static final int WRITE = 1 << 1;

  /** With user privilege; the U/S bit of the error code. */
  static final int USER = 1 << 2;

  /** An instruction fetch; the I/D bit of the error code. */
  static final int FETCH = 1 << 4;

  /** With {@link #WRITE}: checks rights, and does not set D. */
  static final int CHECK_ONLY = 1 << 5;

  /** A system data structure (descriptor table, TSS): supervisor privilege, no alignment check. */
  static final int SYSTEM = 1 << 6;

  private static final long PAGE_MASK = -4096L;
  private static final int PAGE_SIZE = 4096;

  /** See {@link FastPaths}. */
  private static final int INDEX_MASK = 2 * AddressTranslation.DATA_ENTRIES - 2;

  private static final int FETCH_INDEX_MASK = 2 * AddressTranslation.FETCH_ENTRIES - 2;
  private static final int INDEX_SHIFT = FastPaths.INDEX_SHIFT;

  private final Cpu c;
  private final GuestMemory memory;
  private final MemorySegment segment;

  final CodePages code;
  final PageWalker walker;
  private final AddressTranslation translation;
  final FastPaths fast;

  /** Those of the current privilege. */
  private long[] loads;

  private long[] stores;
  private long[] fetches;

  /** {@link #USER} at CPL 3, else 0. */
  private int privilege;

  private boolean checkAlignment;

  /** Who is told of every access; null for nobody. While there is one, no access takes a fast path. */
  private @Nullable Observation observation;

  /** How often {@link #flush} and {@link #flushPage} were called. */
  private long forgotten;

  /** What linear addresses of the running code wrap at. */
  private long linearMask = 0xffff_ffffL;

  Mmu(Cpu c) {
    this.c = c;
    this.memory = c.memory;
    this.segment = c.memory.segment();
    this.translation = new AddressTranslation(c);
    this.code = translation.code;
    this.walker = translation.walker;
    memory.setObserver(this);
    this.fast = translation.fast;
    this.loads = fast.supervisorLoads;
    this.stores = fast.supervisorStores;
    this.fetches = fast.supervisorFetches;
    fast.choose(loads, stores, fetches);
  }

  // ---------------------------------------------------------------- loads

  long load8(long linear) {
    long[] e = loads;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (linear & PAGE_MASK)) {
      return segment.get(GuestMemory.U8, linear + e[i + 1]) & 0xffL;
    }
    return loadSlow(linear, 1, privilege);
  }

  long load16(long linear) {
    long[] e = loads;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (linear + 1 & PAGE_MASK)) {
      return segment.get(GuestMemory.U16, linear + e[i + 1]) & 0xffffL;
    }
    return loadSlow(linear, 2, privilege);
  }

  long load32(long linear) {
    long[] e = loads;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (linear + 3 & PAGE_MASK)) {
      return segment.get(GuestMemory.U32, linear + e[i + 1]) & 0xffff_ffffL;
    }
    return loadSlow(linear, 4, privilege);
  }

  long load64(long linear) {
    long[] e = loads;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (linear + 7 & PAGE_MASK)) {
      return segment.get(GuestMemory.U64, linear + e[i + 1]);
    }
    return loadSlow(linear, 8, privilege);
  }

  // ---------------------------------------------------------------- stores

  void store8(long linear, long value) {
    long[] e = stores;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (linear & PAGE_MASK)) {
      segment.set(GuestMemory.U8, linear + e[i + 1], (byte) value);
    } else {
      storeSlow(linear, 1, value, privilege | WRITE);
    }
  }

  void store16(long linear, long value) {
    long[] e = stores;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (linear + 1 & PAGE_MASK)) {
      segment.set(GuestMemory.U16, linear + e[i + 1], (short) value);
    } else {
      storeSlow(linear, 2, value, privilege | WRITE);
    }
  }

  void store32(long linear, long value) {
    long[] e = stores;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (linear + 3 & PAGE_MASK)) {
      segment.set(GuestMemory.U32, linear + e[i + 1], (int) value);
    } else {
      storeSlow(linear, 4, value, privilege | WRITE);
    }
  }

  void store64(long linear, long value) {
    long[] e = stores;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (linear + 7 & PAGE_MASK)) {
      segment.set(GuestMemory.U64, linear + e[i + 1], value);
    } else {
      storeSlow(linear, 8, value, privilege | WRITE);
    }
  }

  // ---------------------------------------------------------------- loads of what will be stored
  // to

  /** Loads an operand that the same instruction stores to: raises what the store would, so that the store cannot raise any more. */
  long loadForWrite8(long linear) {
    long[] e = stores;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (linear & PAGE_MASK)) {
      return segment.get(GuestMemory.U8, linear + e[i + 1]) & 0xffL;
    }
    return loadSlow(linear, 1, privilege | WRITE);
  }

  /** See {@link #loadForWrite8}. */
  long loadForWrite16(long linear) {
    long[] e = stores;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (linear + 1 & PAGE_MASK)) {
      return segment.get(GuestMemory.U16, linear + e[i + 1]) & 0xffffL;
    }
    return loadSlow(linear, 2, privilege | WRITE);
  }

  /** See {@link #loadForWrite8}. */
  long loadForWrite32(long linear) {
    long[] e = stores;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (linear + 3 & PAGE_MASK)) {
      return segment.get(GuestMemory.U32, linear + e[i + 1]) & 0xffff_ffffL;
    }
    return loadSlow(linear, 4, privilege | WRITE);
  }

  /** See {@link #loadForWrite8}. */
  long loadForWrite64(long linear) {
    long[] e = stores;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (linear + 7 & PAGE_MASK)) {
      return segment.get(GuestMemory.U64, linear + e[i + 1]);
    }
    return loadSlow(linear, 8, privilege | WRITE);
  }

  // ---------------------------------------------------------------- system accesses

  /** Loads from a descriptor table, a TSS or the stack of a gate: supervisor privilege whatever CPL is (4.6). Where there is no memory it reads ones and asks no device. */
  long loadSystem(long linear, int size) {
    long at = wrapped(linear);
    long[] e = fast.supervisorLoads;
    int i = (int) (at >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (at + size - 1 & PAGE_MASK)) {
      return read(at + e[i + 1], size);
    }
    return loadSlow(at, size, SYSTEM);
  }

  /** Stores to a descriptor table, a TSS or the stack of a gate. */
  void storeSystem(long linear, int size, long value) {
    long at = wrapped(linear);
    long[] e = fast.supervisorStores;
    int i = (int) (at >>> INDEX_SHIFT) & INDEX_MASK;
    if (e[i] == (at + size - 1 & PAGE_MASK)) {
      write(at + e[i + 1], size, value);
    } else {
      storeSlow(at, size, value, SYSTEM | WRITE);
    }
  }

  /** Outside long mode a system structure's addresses wrap at 4 GiB, whatever its base. */
  private long wrapped(long linear) {
    return isLongMode() ? linear : linear & 0xffff_ffffL;
  }

  /** Raises what a store of {@code size} bytes with supervisor privilege would. */
  void probeSystemWrite(long linear, int size) {
    probe(wrapped(linear), size, SYSTEM | WRITE);
  }

  // ---------------------------------------------------------------- bulk and checks

  /** Raises what a store of {@code size} bytes (at most a page) would, so that stores in that range cannot raise. */
  void probeWrite(long linear, int size) {
    probe(linear, size, privilege | WRITE);
  }

  /** Raises what a load of {@code size} bytes (at most a page) would. */
  void probeRead(long linear, int size) {
    translation.translate(linear, privilege);
    if ((linear & ~PAGE_MASK) + size > PAGE_SIZE) {
      translation.translate(nextPage(linear, privilege), privilege);
    }
  }

  private void probe(long linear, int size, int access) {
    boolean crosses = (linear & ~PAGE_MASK) + size > PAGE_SIZE;
    if (!crosses) {
      refuseRunningCode(translation.translate(linear, access), size);
      return;
    }
    long second = nextPage(linear, access);
    translation.translate(linear, access | CHECK_ONLY);
    translation.translate(second, access | CHECK_ONLY);
    int first = (int) (PAGE_SIZE - (linear & ~PAGE_MASK));
    refuseRunningCode(translation.translate(linear, access), first);
    refuseRunningCode(translation.translate(second, access), size - first);
  }

  /** The offset in the mapping of a byte whose page is on the fast path for loads, or -1; without any effect. Good to the end of its page until anything else happens. */
  long readOffset(long linear) {
    long[] e = loads;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    return e[i] == (linear & PAGE_MASK) ? linear + e[i + 1] : -1;
  }

  /** As {@link #readOffset}, for stores. */
  long writeOffset(long linear) {
    long[] e = stores;
    int i = (int) (linear >>> INDEX_SHIFT) & INDEX_MASK;
    return e[i] == (linear & PAGE_MASK) ? linear + e[i + 1] : -1;
  }

  // ---------------------------------------------------------------- fetches

  /**
   * Translates the address of an instruction's byte, as entering a block does.
   *
   * @return the offset in the mapping, or {@code ~}guest-physical (negative) where there is no memory
   */
  long fetch(long linear) {
    long[] e = fetches;
    int i = (int) (linear >>> INDEX_SHIFT) & FETCH_INDEX_MASK;
    if (e[i] == (linear & PAGE_MASK)) {
      return linear + e[i + 1];
    }
    return translation.fetch(linear, privilege | FETCH);
  }

  /** The offset in the mapping that {@link #fetch} would give without any effect, or -1. */
  long fetched(long linear) {
    long[] e = fetches;
    int i = (int) (linear >>> INDEX_SHIFT) & FETCH_INDEX_MASK;
    return e[i] == (linear & PAGE_MASK) ? linear + e[i + 1] : -1;
  }

  // ---------------------------------------------------------------- slow path

  private long loadSlow(long linear, int size, int access) {
    int first = (int) (PAGE_SIZE - (linear & ~PAGE_MASK));
    if (first < size) {
      return loadCrossing(linear, size, access, first);
    }
    long at = translation.translate(linear, access);
    if (checkAlignment) {
      align(linear, size, access);
    }
    if ((access & WRITE) != 0) {
      refuseRunningCode(at, size);
    }
    if (c.debug.dataArmed) {
      c.debug.access(linear, size, (access & WRITE) != 0);
    }
    long value = get(at, size, access);
    if (observation != null) {
      observation.access(linear, at, size, value, false, (access & SYSTEM) != 0);
    }
    return value;
  }

  private long loadCrossing(long linear, int size, int access, int first) {
    long second = nextPage(linear, access);
    if ((access & WRITE) != 0) {
      probe(linear, size, access);
    }
    long at = translation.translate(linear, access);
    long next = translation.translate(second, access);
    if (checkAlignment) {
      align(linear, size, access);
    }
    if (c.debug.dataArmed) {
      c.debug.access(linear, size, (access & WRITE) != 0);
    }
    long low = get(at, first, access);
    long high = get(next, size - first, access);
    if (observation != null) {
      boolean system = (access & SYSTEM) != 0;
      observation.access(linear, at, first, low, false, system);
      observation.access(second, next, size - first, high, false, system);
    }
    return low | high << 8 * first;
  }

  private void storeSlow(long linear, int size, long value, int access) {
    int first = (int) (PAGE_SIZE - (linear & ~PAGE_MASK));
    if (first < size) {
      storeCrossing(linear, size, value, access, first);
      return;
    }
    long at = translation.translate(linear, access);
    if (checkAlignment) {
      align(linear, size, access);
    }
    refuseRunningCode(at, size);
    if (c.debug.dataArmed) {
      c.debug.access(linear, size, true);
    }
    put(at, size, value);
    if (observation != null) {
      observation.access(linear, at, size, value, true, (access & SYSTEM) != 0);
    }
  }

  private void storeCrossing(long linear, int size, long value, int access, int first) {
    probe(linear, size, access);
    long second = nextPage(linear, access);
    long at = translation.translate(linear, access);
    long next = translation.translate(second, access);
    if (checkAlignment) {
      align(linear, size, access);
    }
    if (c.debug.dataArmed) {
      c.debug.access(linear, size, true);
    }
    if ((at | next) < 0 && !c.single) {
      throw c.exits.restart();
    }
    put(at, first, value);
    put(next, size - first, value >>> 8 * first);
    if (observation != null) {
      boolean system = (access & SYSTEM) != 0;
      observation.access(linear, at, first, value, true, system);
      observation.access(second, next, size - first, value >>> 8 * first, true, system);
    }
  }

  /** The first address of the page after that of {@code linear}. */
  private long nextPage(long linear, int access) {
    long mask = (access & SYSTEM) != 0 && isLongMode() ? -1L : linearMask;
    return (linear & PAGE_MASK) + PAGE_SIZE & mask;
  }

  /** A store into decoded code changes what runs next: the operation must be alone. */
  private void refuseRunningCode(long at, int size) {
    if (at >= 0 && !c.single && code.meets(at, size)) {
      throw c.exits.restart();
    }
  }

  /** Alignment check (6.15, interrupt 17): only user accesses, natural alignment. */
  private void align(long linear, int size, int access) {
    if ((access & SYSTEM) == 0 && (linear & size - 1) != 0) {
      throw c.fault.raise(GuestFault.AC, 0);
    }
  }

  private long get(long at, int size, int access) {
    if (at >= 0) {
      return read(at, size);
    }
    if ((access & SYSTEM) != 0) {
      return size == 8 ? -1L : (1L << 8 * size) - 1;
    }
    return c.exits.mmioRead(~at, size);
  }

  private long read(long at, int size) {
    return switch (size) {
      case 1 -> segment.get(GuestMemory.U8, at) & 0xffL;
      case 2 -> segment.get(GuestMemory.U16, at) & 0xffffL;
      case 4 -> segment.get(GuestMemory.U32, at) & 0xffff_ffffL;
      case 8 -> segment.get(GuestMemory.U64, at);
      default -> {
        long value = 0;
        for (int i = 0; i < size; i++) {
          value |= (segment.get(GuestMemory.U8, at + i) & 0xffL) << 8 * i;
        }
        yield value;
      }
    };
  }

  private void put(long at, int size, long value) {
    if (at < 0) {
      c.exits.mmioWrite(~at, size, value);
      return;
    }
    memory.markDirty(at);
    write(at, size, value);
    code.written(at, size);
  }

  private void write(long at, int size, long value) {
    switch (size) {
      case 1 -> segment.set(GuestMemory.U8, at, (byte) value);
      case 2 -> segment.set(GuestMemory.U16, at, (short) value);
      case 4 -> segment.set(GuestMemory.U32, at, (int) value);
      case 8 -> segment.set(GuestMemory.U64, at, value);
      default -> {
        for (int i = 0; i < size; i++) {
          segment.set(GuestMemory.U8, at + i, (byte) (value >>> 8 * i));
        }
      }
    }
  }

  // ---------------------------------------------------------------- changes of mode

  /** CPL, CR0, CR4, EFER, RFLAGS.AC, DR7 or the mode of CS may have changed: chooses what accesses look at. */
  void select() {
    boolean user = c.cpl == 3;
    privilege = user ? USER : 0;
    c.debug.select();
    translation.paging = (c.cr0 & ControlRegisters.PG) != 0;
    linearMask = CodeMode.of(c) == CodeMode.LONG64 ? -1L : 0xffff_ffffL;
    checkAlignment =
        user && (c.cr0 & ControlRegisters.AM) != 0 && (c.systemFlags & Delivery.FLAG_AC) != 0;
    fetches = user ? fast.userFetches : fast.supervisorFetches;
    if (checkAlignment || c.debug.dataArmed || observation != null) {
      loads = fast.none;
      stores = fast.none;
    } else {
      loads = user ? fast.userLoads : fast.supervisorLoads;
      stores = user ? fast.userStores : fast.supervisorStores;
    }
    fast.choose(loads, stores, fetches);
  }

  /** Tells of every access from now on, or of none more. Nothing that the guest could see. */
  void observe(@Nullable Observation told) {
    if (observation != told) {
      observation = told;
      translation.observed = told != null;
      dropDerived();
      select();
    }
  }

  private boolean isLongMode() {
    return (c.efer & ControlRegisters.EFER_LMA) != 0;
  }

  /** CR3 was loaded, or paging changed: forgets all entries, or all but the global ones. */
  void flush(boolean keepGlobal) {
    forgotten++;
    if (keepGlobal) {
      translation.flushLocal();
    } else {
      translation.flushAll();
    }
  }

  /** INVLPG. */
  void flushPage(long linear) {
    forgotten++;
    translation.invalidate(linear);
  }

  /** How often the guest had translations forgotten. */
  long translationsForgotten() {
    return forgotten;
  }

  /** Walks of the page tables for loads and stores. */
  long dataWalks() {
    return translation.dataWalks;
  }

  /** Walks of the page tables for fetches. */
  long fetchWalks() {
    return translation.fetchWalks;
  }

  /** Forgets the fast path, not the TLB: nothing that the guest could see. */
  void dropDerived() {
    translation.dropFastPaths();
  }

  /** Goes up when a translation for fetches may have gone other than by replacement through {@link #fetch}. */
  int fetchEpoch() {
    return translation.fetchEpoch;
  }

  /** Code was decoded from {@code size} bytes at an offset of the mapping, on one page: stores there must look from now on. */
  void markCode(long offset, int size) {
    if (code.mark(offset, size)) {
      fast.dropStoresTo((int) (offset >>> GuestMemory.PAGE_SHIFT));
    }
  }

  // ---------------------------------------------------------------- memory's observer

  @Override
  public void written(long guestPhysical, long size) {
    long offset = memory.offset(guestPhysical);
    long end = offset + size;
    while (offset < end) {
      int part = (int) Math.min(end - offset, PAGE_SIZE - (offset & ~PAGE_MASK));
      code.written(offset, part);
      offset += part;
    }
  }

  @Override
  public void dirtyCleared() {
    fast.dropStores();
  }

  // ---------------------------------------------------------------- state

  /** The TLBs and PDPTE registers, for {@code CpuState.engineState}. Changes nothing. */
  byte[] save() {
    return translation.save();
  }

  /** Takes over what {@link #save} gave; an empty array means empty TLBs. The registers are set already. False if it is neither. */
  boolean restore(byte[] saved) {
    return translation.restore(saved);
  }
}
