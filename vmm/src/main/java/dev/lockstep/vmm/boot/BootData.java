package dev.lockstep.vmm.boot;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.SegmentRegister;
import dev.lockstep.vmm.MachineLayout;

/** Everything in low memory and in the CPU that a kernel finds at its 64-bit entry. */
final class BootData {
  // Offsets in struct boot_params (arch/x86/include/uapi/asm/bootparam.h).
  private static final int E820_ENTRIES = 0x1e8;
  private static final int E820_TABLE = 0x2d0;
  private static final int E820_ENTRY_SIZE = 20;
  private static final int E820_RAM = 1;
  private static final int E820_RESERVED = 2;

  // struct setup_data: next (64 bits), type, length, bytes.
  private static final int SETUP_DATA_HEADER = 16;
  private static final int SETUP_RNG_SEED = 9;

  // Segments of the boot protocol: __BOOT_CS and __BOOT_DS.
  private static final int CODE_SELECTOR = 0x10;
  private static final int DATA_SELECTOR = 0x18;

  /** Execute/read, accessed, present; long; 4-KiB granularity. */
  private static final int CODE_ACCESS = 0xa09b;

  /** Read/write, accessed, present; 32-bit; 4-KiB granularity. */
  private static final int DATA_ACCESS = 0xc093;

  /** Busy 64-bit TSS, present: a CPU in long mode always has one, if only an empty one. */
  private static final int TSS_ACCESS = 0x8b;

  private static final int TSS_LIMIT = 0x67;
  private static final long FLAT_LIMIT = 0xffff_ffffL;

  private static final long CR0_PE = 1;
  private static final long CR0_ET = 1 << 4;
  private static final long CR0_PG = 1L << 31;
  private static final long CR4_PAE = 1 << 5;
  private static final long EFER_LME = 1 << 8;
  private static final long EFER_LMA = 1 << 10;

  // Page-table entries: present and writable; a 2-MiB page.
  private static final long PTE_TABLE = 0x3;
  private static final long PTE_LARGE_PAGE = 0x83;
  private static final int TABLE_SIZE = 4096;
  private static final int TABLE_ENTRIES = 512;
  private static final long LARGE_PAGE = 2 << 20;
  private static final int MAPPED_GIBIBYTES = 4;

  private static final int RSP = 4;
  private static final int RSI = 6;

  private final GuestMemory memory;
  private int e820Entries;

  BootData(GuestMemory memory) {
    this.memory = memory;
  }

  /** Fills low memory. */
  void write(SetupHeader header, byte[] commandLine, long initrd, long initrdSize, byte[] rngSeed) {
    memory.write(MachineLayout.BOOT_COMMAND_LINE, commandLine, 0, commandLine.length);
    long setupData = writeSeed(rngSeed);
    byte[] handedOn =
        header.forKernel(MachineLayout.BOOT_COMMAND_LINE, initrd, initrdSize, setupData);
    memory.write(MachineLayout.BOOT_PARAMS + SetupHeader.START, handedOn, 0, handedOn.length);
    writeE820();
    writeDescriptors();
    writePageTables();
  }

  /** The CPU as the protocol wants it: long mode, flat segments, interrupts off, RSI at boot_params. */
  void setState(CpuState state, long entry) {
    state.rip = entry;
    state.rflags = 2;
    state.gpr[RSI] = MachineLayout.BOOT_PARAMS;
    state.gpr[RSP] = MachineLayout.BOOT_STACK_TOP;
    state.segments[CpuState.CS].set(CODE_SELECTOR, 0, FLAT_LIMIT, CODE_ACCESS);
    state.segments[CpuState.DS].set(DATA_SELECTOR, 0, FLAT_LIMIT, DATA_ACCESS);
    state.segments[CpuState.ES].set(DATA_SELECTOR, 0, FLAT_LIMIT, DATA_ACCESS);
    state.segments[CpuState.SS].set(DATA_SELECTOR, 0, FLAT_LIMIT, DATA_ACCESS);
    state.segments[CpuState.FS].set(0, 0, 0, SegmentRegister.UNUSABLE);
    state.segments[CpuState.GS].set(0, 0, 0, SegmentRegister.UNUSABLE);
    state.segments[CpuState.LDTR].set(0, 0, 0, SegmentRegister.UNUSABLE);
    state.segments[CpuState.TR].set(0, 0, TSS_LIMIT, TSS_ACCESS);
    state.gdtBase = MachineLayout.BOOT_GDT;
    state.gdtLimit = DATA_SELECTOR + 7;
    state.idtBase = MachineLayout.BOOT_IDT;
    state.idtLimit = 0;
    state.cr0 = CR0_PG | CR0_ET | CR0_PE;
    state.cr3 = MachineLayout.BOOT_PAGE_TABLES;
    state.cr4 = CR4_PAE;
    state.efer = EFER_LME | EFER_LMA;
  }

  /** Returns where it lies, 0 for no seed. The kernel wipes it once read. */
  private long writeSeed(byte[] seed) {
    if (seed.length == 0) {
      return 0;
    }
    long at = MachineLayout.BOOT_SETUP_DATA;
    if (SETUP_DATA_HEADER + seed.length > MachineLayout.BOOT_SETUP_DATA_END - at) {
      throw new IllegalStateException("the layout has no room for a seed of " + seed.length);
    }
    memory.write32(at + 8, SETUP_RNG_SEED);
    memory.write32(at + 12, seed.length);
    memory.write(at + SETUP_DATA_HEADER, seed, 0, seed.length);
    return at;
  }

  private void writeE820() {
    addE820(0, MachineLayout.LOW_MEMORY_END, E820_RAM);
    addE820(
        MachineLayout.LOW_MEMORY_END,
        MachineLayout.HIGH_MEMORY_START - MachineLayout.LOW_MEMORY_END,
        E820_RESERVED);
    for (GuestMemory.Region region : memory.regions()) {
      long start = Math.max(region.guestPhysical(), MachineLayout.HIGH_MEMORY_START);
      addE820(start, region.guestPhysical() + region.size() - start, E820_RAM);
    }
    memory.write8(MachineLayout.BOOT_PARAMS + E820_ENTRIES, e820Entries);
  }

  private void addE820(long start, long size, int type) {
    long at = MachineLayout.BOOT_PARAMS + E820_TABLE + (long) e820Entries * E820_ENTRY_SIZE;
    memory.write64(at, start);
    memory.write64(at + 8, size);
    memory.write32(at + 16, type);
    e820Entries++;
  }

  private void writeDescriptors() {
    memory.write64(MachineLayout.BOOT_GDT + CODE_SELECTOR, descriptor(CODE_ACCESS));
    memory.write64(MachineLayout.BOOT_GDT + DATA_SELECTOR, descriptor(DATA_ACCESS));
  }

  /** A flat segment's descriptor: base 0, limit 0xfffff (Intel SDM vol. 3A figure 3-8). */
  private static long descriptor(int access) {
    return 0xffffL | (long) (access | 0xf00) << 40;
  }

  /** Maps the low 4 GiB to themselves: one PML4, one page-directory-pointer table, four page directories. */
  private void writePageTables() {
    long pml4 = MachineLayout.BOOT_PAGE_TABLES;
    long pdpt = pml4 + TABLE_SIZE;
    long firstDirectory = pdpt + TABLE_SIZE;
    if (firstDirectory + (long) MAPPED_GIBIBYTES * TABLE_SIZE
        > MachineLayout.BOOT_PAGE_TABLES_END) {
      throw new IllegalStateException("the layout has no room for the boot page tables");
    }
    memory.write64(pml4, pdpt | PTE_TABLE);
    for (int gibibyte = 0; gibibyte < MAPPED_GIBIBYTES; gibibyte++) {
      memory.write64(
          pdpt + 8L * gibibyte, firstDirectory + (long) gibibyte * TABLE_SIZE | PTE_TABLE);
    }
    for (long page = 0; page < (long) MAPPED_GIBIBYTES * TABLE_ENTRIES; page++) {
      memory.write64(firstDirectory + 8 * page, page * LARGE_PAGE | PTE_LARGE_PAGE);
    }
  }
}
