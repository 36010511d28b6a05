package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Linear addresses to memory. In front stand derived tables, tag to offset in the mapping, one pair for each privilege: a hit is one index, one compare, one access. They may be dropped at any time
 * without the guest seeing it; behind them the architectural {@link Tlb} decides, and behind that the {@link PageWalker}.
 *
 * <p>A write tag promises: writable, D set, page marked dirty in {@link GuestMemory}, no decoded code on the page. While data breakpoints or alignment checks are on, tags are not consulted.
 */
final class Mmu {
  static final int DATA_ENTRIES = 1024;
  static final int FETCH_ENTRIES = 256;

  private static final int INDEX = DATA_ENTRIES - 1;
  private static final int FETCH_INDEX = FETCH_ENTRIES - 1;
  private static final long PAGE = -4096;
  private static final long CR0_AM = 1 << 18;
  private static final long FLAG_AC = 1 << 18;
  private static final long EFER_LMA = 1 << 10;

  private final Cpu c;
  private final GuestMemory memory;
  private final MemorySegment segment;
  final CodePages code;
  final PageWalker walker;
  final Tlb data = new Tlb(DATA_ENTRIES);
  final Tlb fetch = new Tlb(FETCH_ENTRIES);

  private final long[] supervisorRead = tags(DATA_ENTRIES);
  private final long[] supervisorWrite = tags(DATA_ENTRIES);
  private final long[] userRead = tags(DATA_ENTRIES);
  private final long[] userWrite = tags(DATA_ENTRIES);
  private final long[] supervisorFetch = tags(FETCH_ENTRIES);
  private final long[] userFetch = tags(FETCH_ENTRIES);

  /** Always misses: stands in while every access must be looked at. */
  private final long[] none = tags(DATA_ENTRIES);

  /** Offset in the mapping of the page that a data tag names, for either privilege. */
  private final long[] host = new long[DATA_ENTRIES];

  private final long[] fetchHost = new long[FETCH_ENTRIES];

  /** The tables of the current privilege. */
  private long[] readTag = supervisorRead;

  private long[] writeTag = supervisorWrite;
  private long[] fetchTag = supervisorFetch;
  private boolean user;
  private boolean checkAlignment;

  /** Some data breakpoint is armed. */
  private boolean watching;

  /** Counts every change after which a fetch translation that held may hold no more. */
  int fetchEpoch;

  Mmu(Cpu c) {
    this.c = c;
    this.memory = c.memory;
    this.segment = c.memory.segment();
    this.code = new CodePages(segment.byteSize());
    this.walker = new PageWalker(c, code);
    memory.setObserver(new Foreign());
  }

  private static long[] tags(int size) {
    long[] tags = new long[size];
    Arrays.fill(tags, Tlb.INVALID);
    return tags;
  }

  /** Somebody else wrote memory or cleared dirty bits. */
  private final class Foreign implements GuestMemory.Observer {
    @Override
    public void written(long guestPhysical, long size) {
      long offset = memory.offset(guestPhysical);
      long end = offset + size;
      while (offset < end) {
        int part = (int) Math.min(end - offset, 4096 - (offset & 4095));
        code.written(offset, part);
        offset += part;
      }
    }

    @Override
    public void dirtyCleared() {
      dropWriteTags();
    }
  }

  // ---- what changes translations -------------------------------------------------------------

  /** CPL, RFLAGS.AC, CR0.AM or DR7 may have changed: picks the tables. */
  void select() {
    user = c.cpl == 3;
    checkAlignment = user && (c.cr0 & CR0_AM) != 0 && (c.systemFlags & FLAG_AC) != 0;
    watching = DataBreakpoints.armed(c);
    if (checkAlignment || watching) {
      readTag = none;
      writeTag = none;
    } else {
      readTag = user ? userRead : supervisorRead;
      writeTag = user ? userWrite : supervisorWrite;
    }
    fetchTag = user ? userFetch : supervisorFetch;
  }

  /** CR3 was loaded, or paging changed: drops all entries, or all but the global ones. */
  void flush(boolean keepGlobal) {
    data.flush(keepGlobal);
    fetch.flush(keepGlobal);
    dropDerived();
  }

  /** INVLPG. */
  void flushPage(long linear) {
    data.flushPage(linear);
    fetch.flushPage(linear);
    dropDerived();
  }

  /** Drops what is derived; the guest sees nothing of it. */
  void dropDerived() {
    Arrays.fill(supervisorRead, Tlb.INVALID);
    Arrays.fill(userRead, Tlb.INVALID);
    Arrays.fill(supervisorFetch, Tlb.INVALID);
    Arrays.fill(userFetch, Tlb.INVALID);
    dropWriteTags();
    fetchEpoch++;
  }

  private void dropWriteTags() {
    Arrays.fill(supervisorWrite, Tlb.INVALID);
    Arrays.fill(userWrite, Tlb.INVALID);
  }

  /** Code was decoded from {@code size} bytes at an offset of the mapping, on one page: stores there must look from now on. */
  void markCode(long offset, int size) {
    if (code.mark(offset, size)) {
      dropWriteTags();
    }
  }

  byte[] save() {
    ByteBuffer out = ByteBuffer.allocate(data.savedBytes() + fetch.savedBytes() + 32);
    data.save(out);
    fetch.save(out);
    for (long one : walker.pdpte) {
      out.putLong(one);
    }
    return out.array();
  }

  /** Restores what {@link #save} gave; an empty array means empty buffers. False if it is neither. */
  boolean restore(byte[] saved) {
    flush(false);
    if (saved.length == 0) {
      walker.loadPdptes(c.cr3);
      return true;
    }
    ByteBuffer in = ByteBuffer.wrap(saved);
    if (!data.restore(in) || !fetch.restore(in) || in.remaining() != 32) {
      return false;
    }
    for (int i = 0; i < 4; i++) {
      walker.pdpte[i] = in.getLong();
    }
    return true;
  }

  // ---- code ----------------------------------------------------------------------------------

  /** Whether the fetch translation of a page is on the fast path for the current privilege. */
  boolean fetchHit(long linear) {
    return fetchTag[(int) (linear >>> 12) & FETCH_INDEX] == (linear & PAGE);
  }

  /** The offset in the mapping of a byte of code, or -1 where there is no memory. Raises #PF, or #GP(0) for a non-canonical address. */
  long fetch(long linear) {
    int i = (int) (linear >>> 12) & FETCH_INDEX;
    if (fetchTag[i] == (linear & PAGE)) {
      return fetchHost[i] + (linear & 4095);
    }
    canonical(linear);
    boolean allowed =
        fetch.tag[i] == (linear & PAGE)
            && (fetch.flags[i] & Tlb.NO_EXECUTE) == 0
            && (!user || (fetch.flags[i] & Tlb.USER) != 0);
    if (!allowed) {
      walker.walk(linear, false, user, true);
      fetch.fill(linear, walker.physicalPage, walker.flags);
      fetchEpoch++;
      supervisorFetch[i] = Tlb.INVALID;
      userFetch[i] = Tlb.INVALID;
    }
    long offset = memory.offset(fetch.physical[i]);
    if (offset < 0) {
      return -1;
    }
    fetchHost[i] = offset;
    supervisorFetch[i] = linear & PAGE;
    userFetch[i] = (fetch.flags[i] & Tlb.USER) != 0 ? linear & PAGE : Tlb.INVALID;
    return offset + (linear & 4095);
  }

  private void canonical(long linear) {
    if ((c.efer & EFER_LMA) != 0 && linear << 16 >> 16 != linear) {
      throw c.fault.raiseNonCanonical();
    }
  }

  // ---- loads ---------------------------------------------------------------------------------

  /** The offset in the mapping of a byte whose page is on the fast path for loads, or -1; without any effect. */
  long readOffset(long linear) {
    int i = (int) (linear >>> 12) & INDEX;
    return readTag[i] == (linear & PAGE) ? host[i] + (linear & 4095) : -1;
  }

  /** As {@link #readOffset}, for stores: to the end of its page memory may then be stored to without asking again. */
  long writeOffset(long linear) {
    int i = (int) (linear >>> 12) & INDEX;
    return writeTag[i] == (linear & PAGE) ? host[i] + (linear & 4095) : -1;
  }

  /** One byte, zero-extended. */
  long load8(long linear) {
    int i = (int) (linear >>> 12) & INDEX;
    if (readTag[i] == (linear & PAGE)) {
      return segment.get(GuestMemory.U8, host[i] + (linear & 4095)) & 0xffL;
    }
    return slowLoad(linear, 1, user, false);
  }

  /** 16 bits, zero-extended. */
  long load16(long linear) {
    int i = (int) (linear >>> 12) & INDEX;
    if (readTag[i] == (linear + 1 & PAGE)) {
      return segment.get(GuestMemory.U16, host[i] + (linear & 4095)) & 0xffffL;
    }
    return slowLoad(linear, 2, user, false);
  }

  /** 32 bits, zero-extended. */
  long load32(long linear) {
    int i = (int) (linear >>> 12) & INDEX;
    if (readTag[i] == (linear + 3 & PAGE)) {
      return segment.get(GuestMemory.U32, host[i] + (linear & 4095)) & 0xffff_ffffL;
    }
    return slowLoad(linear, 4, user, false);
  }

  /** 64 bits. */
  long load64(long linear) {
    int i = (int) (linear >>> 12) & INDEX;
    if (readTag[i] == (linear + 7 & PAGE)) {
      return segment.get(GuestMemory.U64, host[i] + (linear & 4095));
    }
    return slowLoad(linear, 8, user, false);
  }

  /** A load whose operand will be stored to: a fault says W. Zero-extended. */
  long loadForWrite8(long linear) {
    int i = (int) (linear >>> 12) & INDEX;
    if (writeTag[i] == (linear & PAGE)) {
      return segment.get(GuestMemory.U8, host[i] + (linear & 4095)) & 0xffL;
    }
    return slowLoad(linear, 1, user, true);
  }

  /** As {@link #loadForWrite8}. */
  long loadForWrite16(long linear) {
    int i = (int) (linear >>> 12) & INDEX;
    if (writeTag[i] == (linear + 1 & PAGE)) {
      return segment.get(GuestMemory.U16, host[i] + (linear & 4095)) & 0xffffL;
    }
    return slowLoad(linear, 2, user, true);
  }

  /** As {@link #loadForWrite8}. */
  long loadForWrite32(long linear) {
    int i = (int) (linear >>> 12) & INDEX;
    if (writeTag[i] == (linear + 3 & PAGE)) {
      return segment.get(GuestMemory.U32, host[i] + (linear & 4095)) & 0xffff_ffffL;
    }
    return slowLoad(linear, 4, user, true);
  }

  /** As {@link #loadForWrite8}. */
  long loadForWrite64(long linear) {
    int i = (int) (linear >>> 12) & INDEX;
    if (writeTag[i] == (linear + 7 & PAGE)) {
      return segment.get(GuestMemory.U64, host[i] + (linear & 4095));
    }
    return slowLoad(linear, 8, user, true);
  }

  /** A load with supervisor privilege whatever CPL is: descriptor tables, TSS, stacks of gates. */
  long loadSystem(long linear, int size) {
    return slowLoad(linear, size, false, false);
  }

  private long slowLoad(long linear, int size, boolean asUser, boolean forWrite) {
    if (checkAlignment && asUser) {
      aligned(linear, size);
    }
    long value;
    int first = 4096 - (int) (linear & 4095);
    if (first >= size) {
      long physical = translate(linear, forWrite, asUser);
      if (forWrite) {
        mayStore(physical, size);
      }
      value = read(physical, size);
    } else {
      long low = translate(linear, forWrite, asUser);
      // The second page's address: CR2 names its first byte.
      long high = translate(linear + first, forWrite, asUser);
      if (forWrite) {
        mayStore(low, first);
        mayStore(high, size - first);
      }
      value = read(low, first) | read(high, size - first) << 8 * first;
    }
    if (watching) {
      DataBreakpoints.hit(c, linear, size, forWrite);
    }
    return value;
  }

  private long read(long physical, int size) {
    long offset = memory.offset(physical);
    if (offset < 0) {
      return c.exits.mmioRead(physical, size);
    }
    return switch (size) {
      case 1 -> segment.get(GuestMemory.U8, offset) & 0xffL;
      case 2 -> segment.get(GuestMemory.U16, offset) & 0xffffL;
      case 4 -> segment.get(GuestMemory.U32, offset) & 0xffff_ffffL;
      case 8 -> segment.get(GuestMemory.U64, offset);
      default -> {
        long value = 0;
        for (int i = 0; i < size; i++) {
          value |= (segment.get(GuestMemory.U8, offset + i) & 0xffL) << 8 * i;
        }
        yield value;
      }
    };
  }

  // ---- stores --------------------------------------------------------------------------------

  /** The low byte. */
  void store8(long linear, long value) {
    int i = (int) (linear >>> 12) & INDEX;
    if (writeTag[i] == (linear & PAGE)) {
      segment.set(GuestMemory.U8, host[i] + (linear & 4095), (byte) value);
    } else {
      slowStore(linear, 1, value, user);
    }
  }

  /** The low 16 bits. */
  void store16(long linear, long value) {
    int i = (int) (linear >>> 12) & INDEX;
    if (writeTag[i] == (linear + 1 & PAGE)) {
      segment.set(GuestMemory.U16, host[i] + (linear & 4095), (short) value);
    } else {
      slowStore(linear, 2, value, user);
    }
  }

  /** The low 32 bits. */
  void store32(long linear, long value) {
    int i = (int) (linear >>> 12) & INDEX;
    if (writeTag[i] == (linear + 3 & PAGE)) {
      segment.set(GuestMemory.U32, host[i] + (linear & 4095), (int) value);
    } else {
      slowStore(linear, 4, value, user);
    }
  }

  /** 64 bits. */
  void store64(long linear, long value) {
    int i = (int) (linear >>> 12) & INDEX;
    if (writeTag[i] == (linear + 7 & PAGE)) {
      segment.set(GuestMemory.U64, host[i] + (linear & 4095), value);
    } else {
      slowStore(linear, 8, value, user);
    }
  }

  /** A store with supervisor privilege whatever CPL is. */
  void storeSystem(long linear, int size, long value) {
    slowStore(linear, size, value, false);
  }

  /** Raises what a store of {@code size} bytes, up to a page, would raise, and has its effects on A and D, but stores nothing. */
  void probeWrite(long linear, int size) {
    probe(linear, size, user);
  }

  /** As {@link #probeWrite}, with supervisor privilege. */
  void probeSystemWrite(long linear, int size) {
    probe(linear, size, false);
  }

  /** Raises what a load would raise, without an access to a device. */
  void probeRead(long linear, int size) {
    translate(linear, false, user);
    int first = 4096 - (int) (linear & 4095);
    if (first < size) {
      translate(linear + first, false, user);
    }
  }

  private void probe(long linear, int size, boolean asUser) {
    int first = 4096 - (int) (linear & 4095);
    long low = translate(linear, true, asUser);
    if (first < size) {
      long high = translate(linear + first, true, asUser);
      mayStore(low, first);
      mayStore(high, size - first);
    } else {
      mayStore(low, size);
    }
  }

  private void slowStore(long linear, int size, long value, boolean asUser) {
    if (checkAlignment && asUser) {
      aligned(linear, size);
    }
    int first = 4096 - (int) (linear & 4095);
    if (first >= size) {
      long physical = translate(linear, true, asUser);
      mayStore(physical, size);
      write(physical, size, value);
    } else {
      long low = translate(linear, true, asUser);
      long high = translate(linear + first, true, asUser);
      mayStore(low, first);
      mayStore(high, size - first);
      write(low, first, value);
      write(high, size - first, value >>> 8 * first);
    }
    if (watching) {
      DataBreakpoints.hit(c, linear, size, true);
    }
  }

  /** Stores to decoded code and to devices are done by an operation that runs alone: starts over if this one does not. */
  private void mayStore(long physical, int size) {
    if (!c.single) {
      long offset = memory.offset(physical);
      if (offset < 0 || code.meets(offset, size)) {
        throw c.exits.restart();
      }
    }
  }

  private void write(long physical, int size, long value) {
    long offset = memory.offset(physical);
    if (offset < 0) {
      c.exits.mmioWrite(physical, size, value);
      return;
    }
    memory.markDirty(offset);
    code.written(offset, size);
    switch (size) {
      case 1 -> segment.set(GuestMemory.U8, offset, (byte) value);
      case 2 -> segment.set(GuestMemory.U16, offset, (short) value);
      case 4 -> segment.set(GuestMemory.U32, offset, (int) value);
      case 8 -> segment.set(GuestMemory.U64, offset, value);
      default -> {
        for (int i = 0; i < size; i++) {
          segment.set(GuestMemory.U8, offset + i, (byte) (value >>> 8 * i));
        }
      }
    }
  }

  /** #AC(0) for a misaligned access at CPL 3 (Intel SDM vol. 3A 6.15, interrupt 17). */
  private void aligned(long linear, int size) {
    if ((linear & size - 1) != 0) {
      throw c.fault.raise(GuestFault.AC, 0);
    }
  }

  // ---- translation ---------------------------------------------------------------------------

  /** The guest-physical address of a data access, by the TLB or a walk; refreshes the fast path. */
  private long translate(long linear, boolean write, boolean asUser) {
    canonical(linear);
    int i = data.index(linear);
    long page = linear & PAGE;
    if (data.tag[i] != page || !allows(data.flags[i], write, asUser)) {
      walker.walk(linear, write, asUser, false);
      data.fill(linear, walker.physicalPage, walker.flags);
      supervisorRead[i] = Tlb.INVALID;
      userRead[i] = Tlb.INVALID;
      supervisorWrite[i] = Tlb.INVALID;
      userWrite[i] = Tlb.INVALID;
    }
    derive(i, page, write);
    return data.physical[i] | linear & 4095;
  }

  private boolean allows(int flags, boolean write, boolean asUser) {
    if (asUser && (flags & Tlb.USER) == 0) {
      return false;
    }
    if (!write) {
      return true;
    }
    boolean writable = (flags & Tlb.WRITABLE) != 0 || !asUser && (c.cr0 & 1 << 16) == 0;
    return writable && (flags & Tlb.DIRTY) != 0;
  }

  /** Puts a page of memory on the fast path for what its entry allows. */
  private void derive(int i, long page, boolean write) {
    long offset = memory.offset(data.physical[i]);
    if (offset < 0) {
      return;
    }
    int flags = data.flags[i];
    host[i] = offset;
    supervisorRead[i] = page;
    if ((flags & Tlb.USER) != 0) {
      userRead[i] = page;
    }
    if (write && !code.hasCode(offset)) {
      memory.markDirty(offset);
      boolean writable = (flags & Tlb.WRITABLE) != 0;
      if (writable || (c.cr0 & 1 << 16) == 0) {
        supervisorWrite[i] = page;
      }
      if (writable && (flags & Tlb.USER) != 0) {
        userWrite[i] = page;
      }
    }
  }

  /** The guest-physical address behind a linear one, or -1, without any effect: for debuggers and traces. */
  long peek(long linear) {
    int i = data.index(linear);
    return data.tag[i] == (linear & PAGE) ? data.physical[i] | linear & 4095 : -1;
  }
}
