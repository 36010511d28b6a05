package dev.lockstep.engine.testkit;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.SegmentRegister;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest without an operating system: memory, identity paging open to user mode, GDT, IDT and TSS, and states to start from. Every vector's handler is one HLT at {@link #handler}, so a test sees which
 * exception came by where the CPU stands.
 *
 * <p>Memory below {@link #CODE} belongs to the tables; selectors are Linux's, so that ring 3 looks as on a host.
 */
public final class BareGuest implements AutoCloseable {
  /** Selectors. */
  public static final int KERNEL_CODE = 0x10,
      KERNEL_DATA = 0x18,
      USER_CODE32 = 0x23,
      USER_DATA = 0x2b,
      USER_CODE64 = 0x33,
      KERNEL_CODE32 = 0x38,
      TASK = 0x40;

  /** Guest-physical places of the tables. */
  public static final long GDT = 0x500,
      TSS = 0x600,
      IDT = 0x2000,
      HANDLERS = 0x3000,
      TABLES = 0x10000;

  /** Top of the stack that an exception from ring 3 is delivered on. */
  public static final long KERNEL_STACK = 0x8000;

  /** Where code usually begins; memory from here on is the test's. */
  public static final long CODE = 0x20000;

  /** Where memory from 0 on ends. */
  public static final long LOW_MEMORY = 0x40_0000;

  private static final int PAGE = GuestMemory.PAGE_SIZE;
  private static final long PRESENT_WRITABLE_USER = 7;
  private static final int CODE64 = 0xa09b;
  private static final int CODE32 = 0xc09b;
  private static final int DATA = 0xc093;
  private static final int DPL3 = 3 << 5;
  private static final int BUSY_TSS = 0x8b;

  private final Arena arena = Arena.ofConfined();
  private final GuestMemory memory;
  private long nextTable = TABLES + PAGE;

  /**
   * @param more further stretches of memory above 4 MiB, each a first address and a number of bytes, ascending
   */
  public BareGuest(long... more) {
    List<GuestMemory.Region> regions = new ArrayList<>();
    regions.add(new GuestMemory.Region(0, LOW_MEMORY, 0));
    long offset = LOW_MEMORY;
    for (int i = 0; i < more.length; i += 2) {
      regions.add(new GuestMemory.Region(more[i], more[i + 1], offset));
      offset += more[i + 1];
    }
    memory = new GuestMemory(arena.allocate(offset, PAGE), regions);
    for (GuestMemory.Region region : regions) {
      for (long at = 0; at < region.size(); at += PAGE) {
        map(region.guestPhysical() + at, region.guestPhysical() + at, PRESENT_WRITABLE_USER);
      }
    }
    descriptors();
    interrupts();
  }

  public GuestMemory memory() {
    return memory;
  }

  /** The address of a vector's handler. */
  public static long handler(int vector) {
    return HANDLERS + 16L * vector;
  }

  /** The vector whose handler begins there, or -1. */
  public static int vectorAt(long rip) {
    long within = rip - HANDLERS;
    return within >= 0 && within < 256 * 16 && within % 16 == 0 ? (int) (within / 16) : -1;
  }

  /** Maps a page by 4-level tables with these flags; 0 takes it away. The vCPU is not told. */
  public void map(long linear, long physical, long flags) {
    long table = TABLES;
    for (int shift = 39; shift > 12; shift -= 9) {
      long entry = table + (linear >>> shift & 511) * 8;
      long next = memory.read64(entry);
      if (next == 0) {
        next = nextTable | PRESENT_WRITABLE_USER;
        nextTable += PAGE;
        memory.write64(entry, next);
      }
      table = next & -PAGE;
    }
    memory.write64(table + (linear >>> 12 & 511) * 8, flags == 0 ? 0 : physical | flags);
  }

  /** The guest-physical address of the page table entry of a linear address that was mapped once. */
  public long entry(long linear) {
    long table = TABLES;
    for (int shift = 39; shift > 12; shift -= 9) {
      table = memory.read64(table + (linear >>> shift & 511) * 8) & -PAGE;
    }
    return table + (linear >>> 12 & 511) * 8;
  }

  /** Copies code or data in. */
  public void load(long address, byte[] bytes) {
    memory.write(address, bytes, 0, bytes.length);
  }

  /** 64-bit mode, ring 0, RIP at {@code rip}, the stack at {@link #KERNEL_STACK}, interrupts off. */
  public CpuState kernel64(long rip) {
    CpuState s = common(rip);
    code(s, KERNEL_CODE, CODE64);
    data(s, KERNEL_DATA, DATA);
    s.gpr[4] = KERNEL_STACK;
    return s;
  }

  /** 64-bit mode, ring 3. The stack is the caller's affair. */
  public CpuState user64(long rip) {
    CpuState s = common(rip);
    code(s, USER_CODE64, CODE64 | DPL3);
    data(s, USER_DATA, DATA | DPL3);
    s.rflags |= 1 << 9;
    return s;
  }

  /** Compatibility mode, ring 3. */
  public CpuState user32(long rip) {
    CpuState s = common(rip);
    code(s, USER_CODE32, CODE32 | DPL3);
    data(s, USER_DATA, DATA | DPL3);
    s.rflags |= 1 << 9;
    return s;
  }

  /** 32-bit protected mode, ring 0, without paging. The IDT is that of long mode: no exceptions. */
  public CpuState protected32(long rip) {
    CpuState s = common(rip);
    s.cr0 = 0x31;
    s.cr4 = 0;
    s.efer = 0;
    code(s, KERNEL_CODE32, CODE32);
    data(s, KERNEL_DATA, DATA);
    s.gpr[4] = KERNEL_STACK;
    return s;
  }

  private static void code(CpuState s, int selector, int access) {
    s.segments[CpuState.CS].set(selector, 0, 0xffff_ffffL, access);
  }

  private static void data(CpuState s, int selector, int access) {
    for (int i : new int[] {CpuState.ES, CpuState.SS, CpuState.DS, CpuState.FS, CpuState.GS}) {
      s.segments[i].set(selector, 0, 0xffff_ffffL, access);
    }
  }

  private static CpuState common(long rip) {
    CpuState s = new CpuState();
    s.rip = rip;
    s.cr0 = 0x8005_0033L; // PG AM WP NE ET MP PE
    s.cr3 = TABLES;
    s.cr4 = 0x6a0; // OSXMMEXCPT OSFXSR PGE PAE
    s.efer = 0xd01; // NXE LMA LME SCE
    s.gdtBase = GDT;
    s.gdtLimit = 0x4f;
    s.idtBase = IDT;
    s.idtLimit = 0xfff;
    s.segments[CpuState.LDTR].access = SegmentRegister.UNUSABLE;
    s.segments[CpuState.TR].set(TASK, TSS, 0x67, BUSY_TSS);
    return s;
  }

  private void descriptors() {
    descriptor(KERNEL_CODE, CODE64);
    descriptor(KERNEL_DATA, DATA);
    descriptor(USER_CODE32, CODE32 | DPL3);
    descriptor(USER_DATA, DATA | DPL3);
    descriptor(USER_CODE64, CODE64 | DPL3);
    descriptor(KERNEL_CODE32, CODE32);
    memory.write64(GDT + TASK, 0x67 | TSS << 16 | (long) BUSY_TSS << 40);
    memory.write64(GDT + TASK + 8, 0);
    memory.write64(TSS + 4, KERNEL_STACK);
  }

  /** A flat segment. */
  private void descriptor(int selector, int access) {
    memory.write64(GDT + (selector & ~7), 0xffffL | (long) access << 40 | 0xfL << 48);
  }

  private void interrupts() {
    for (int vector = 0; vector < 256; vector++) {
      gate(vector, handler(vector), 0);
      memory.write8(handler(vector), 0xf4);
    }
  }

  /** Sets an interrupt gate that ring 3 may call. */
  public void gate(int vector, long rip, int ist) {
    long low =
        rip & 0xffff
            | (long) KERNEL_CODE << 16
            | (long) ist << 32
            | 0xee00L << 32
            | (rip & 0xffff_0000L) << 32;
    memory.write64(IDT + 16L * vector, low);
    memory.write64(IDT + 16L * vector + 8, rip >>> 32);
  }

  @Override
  public void close() {
    arena.close();
  }
}
