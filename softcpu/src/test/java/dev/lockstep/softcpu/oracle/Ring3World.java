package dev.lockstep.softcpu.oracle;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.SegmentRegister;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * The oracle's world for an engine: ring 3, the windows at the addresses that the host's stub has them at, and an IDT whose handlers' addresses tell which exception was raised; each halts.
 *
 * <p>Physical memory: page tables and descriptor tables below 64 KiB, handlers at 64 KiB, the page tables of each protection of the data window at 128 KiB, the windows' pages from 1 MiB on. A protection
 * is chosen by CR3 and its tables never change: an engine that shadows page tables keeps all five.
 */
final class Ring3World implements AutoCloseable {
  private static final long LOW_PT = 0x4000;
  private static final long CODE_PT = 0x5000;
  private static final long STACK_PT = 0x7000;
  private static final long GDT = 0x8000;
  private static final long IDT = 0x9000;
  private static final long TSS = 0xa000;
  private static final long KERNEL_STACK = 0xf000;
  private static final long HANDLERS = 0x10000;
  private static final int HANDLER_BYTES = 16;

  /** Four pages for each protection: PML4, PDPT, PD and the data window's PT. */
  private static final long ROOTS = 0x20000;

  private static final int ROOT_BYTES = 4 * OracleCase.PAGE;
  private static final long CODE_PHYSICAL = 0x100000;
  private static final long DATA_PHYSICAL = 0x102000;
  private static final long STACK_PHYSICAL = 0x104000;
  private static final int SIZE = 0x200000;

  /** Where in their pages the windows begin. */
  private static final int BEFORE = OracleCase.PAGE - OracleCase.WINDOW / 2;

  private static final int PRESENT = 1;
  private static final int WRITABLE = 2;
  private static final int USER = 4;
  private static final int ACCESSED_DIRTY = 0x60;

  /** Page-table entries of upper levels. */
  private static final long UPPER = PRESENT | WRITABLE | USER | ACCESSED_DIRTY;

  private static final int HLT = 0xf4;
  private static final int KERNEL_CS = 0x10;
  private static final int USER32_CS = 0x23;
  private static final int USER_DS = 0x2b;
  private static final int USER64_CS = 0x33;

  /** Access rights: code and data of ring 3, and the bits beside. */
  private static final int CODE = 0xfb;

  private static final int DATA = 0xf3;
  private static final int LONG = 1 << 13;
  private static final int WIDE = 1 << 14;
  private static final int PAGES = 1 << 15;

  private final Arena arena = Arena.ofConfined();
  private final GuestMemory memory;
  private final CpuState base = new CpuState();
  private final CpuState state = new CpuState();

  Ring3World() {
    memory =
        new GuestMemory(
            arena.allocate(SIZE, GuestMemory.PAGE_SIZE),
            List.of(new GuestMemory.Region(0, SIZE, 0)));
    buildTables();
    buildState();
  }

  GuestMemory memory() {
    return memory;
  }

  /** The state that {@link #load} made, and that {@link #result} looks at. */
  CpuState state() {
    return state;
  }

  /** Puts a case into memory and into {@link #state}. */
  void load(OracleCase asked) {
    memory.segment().asSlice(CODE_PHYSICAL, 2L * OracleCase.PAGE).fill((byte) 0xcc);
    memory.write(CODE_PHYSICAL + asked.codeOffset(), asked.code(), 0, asked.code().length);
    memory.write(DATA_PHYSICAL + BEFORE, asked.data(), 0, OracleCase.WINDOW);
    memory.write(STACK_PHYSICAL + BEFORE, asked.stack(), 0, OracleCase.WINDOW);
    state.set(base);
    state.cr3 = root(asked.protection());
    System.arraycopy(asked.gpr(), 0, state.gpr, 0, 16);
    state.rip = asked.entry();
    state.rflags = asked.rflags() | 2;
    System.arraycopy(asked.fxsave(), 0, state.fxsave, 0, 416);
    segments(asked.mode());
    state.segments[CpuState.FS].base = asked.fsBase();
  }

  private void segments(int mode) {
    switch (mode) {
      case OracleCase.MODE_64 ->
          state.segments[CpuState.CS].set(USER64_CS, 0, 0xffffffffL, CODE | LONG | PAGES);
      case OracleCase.MODE_32 ->
          state.segments[CpuState.CS].set(USER32_CS, 0, 0xffffffffL, CODE | WIDE | PAGES);
      default -> {
        boolean narrow = mode == OracleCase.SEGMENTED_16;
        int selector = narrow ? OracleCase.CODE_16_SELECTOR : OracleCase.CODE_32_SELECTOR;
        state.segments[CpuState.CS].set(
            selector, OracleCase.CODE, 2 * OracleCase.PAGE - 1, CODE | (narrow ? 0 : WIDE));
        for (int data : new int[] {CpuState.DS, CpuState.ES}) {
          state.segments[data].set(
              OracleCase.DATA_SELECTOR,
              OracleCase.DATA + BEFORE,
              OracleCase.WINDOW - 1,
              DATA | WIDE);
        }
        state.segments[CpuState.SS].set(
            OracleCase.STACK_SELECTOR,
            OracleCase.STACK + BEFORE,
            OracleCase.WINDOW - 1,
            DATA | WIDE);
      }
    }
  }

  private static long root(int protection) {
    return ROOTS + (long) protection * ROOT_BYTES;
  }

  private void setPage(long table, int index, long physical, boolean present, boolean writable) {
    memory.write64(
        table + 8L * index,
        physical | USER | ACCESSED_DIRTY | (present ? PRESENT : 0) | (writable ? WRITABLE : 0));
  }

  /** What {@link #state} and memory tell after the case: in ring 3 it was executed, in a handler it raised an exception. */
  OracleResult result() {
    int vector = OracleResult.NO_EXCEPTION;
    long error = 0;
    long cr2 = 0;
    long rip = state.rip;
    long rflags = state.rflags;
    long[] gpr = state.gpr.clone();
    if (state.segments[CpuState.CS].selector == KERNEL_CS) {
      vector = (int) ((state.rip - HANDLERS) / HANDLER_BYTES);
      long frame = state.gpr[4];
      if (OracleResult.hasErrorCode(vector)) {
        error = memory.read64(frame);
        frame += 8;
      }
      rip = memory.read64(frame);
      rflags = memory.read64(frame + 16);
      gpr[4] = memory.read64(frame + 24);
      cr2 = vector == OracleResult.PAGE_FAULT ? state.cr2 : 0;
    }
    byte[] data = new byte[OracleCase.WINDOW];
    byte[] stack = new byte[OracleCase.WINDOW];
    memory.read(DATA_PHYSICAL + BEFORE, data, 0, OracleCase.WINDOW);
    memory.read(STACK_PHYSICAL + BEFORE, stack, 0, OracleCase.WINDOW);
    return new OracleResult(
        vector, error, cr2, rip, rflags, gpr, state.fxsave.clone(), data, stack);
  }

  private void buildTables() {
    for (int page = 0; page < 32; page++) {
      memory.write64(LOW_PT + 8L * page, (long) page << 12 | PRESENT | WRITABLE | ACCESSED_DIRTY);
    }
    map(CODE_PT, CODE_PHYSICAL);
    map(STACK_PT, STACK_PHYSICAL);
    for (int protection = OracleCase.DATA_PLAIN;
        protection <= OracleCase.DATA_ABSENT;
        protection++) {
      buildRoot(protection);
    }
    buildDescriptors();
  }

  private void buildRoot(int protection) {
    long pml4 = root(protection);
    long pdpt = pml4 + OracleCase.PAGE;
    long pd = pdpt + OracleCase.PAGE;
    long data = pd + OracleCase.PAGE;
    memory.write64(pml4, pdpt | UPPER);
    memory.write64(pdpt, pd | UPPER);
    memory.write64(pd, LOW_PT | UPPER);
    memory.write64(pd + 8 * (OracleCase.CODE >>> 21), CODE_PT | UPPER);
    memory.write64(pd + 8 * (OracleCase.STACK >>> 21), STACK_PT | UPPER);
    memory.write64(pd + 8 * (OracleCase.DATA >>> 21), data | UPPER);
    boolean firstPresent = protection != OracleCase.DATA_ABSENT;
    boolean secondPresent = firstPresent && protection != OracleCase.DATA_SECOND_ABSENT;
    boolean firstWritable = protection != OracleCase.DATA_READ_ONLY;
    boolean secondWritable = firstWritable && protection != OracleCase.DATA_SECOND_READ_ONLY;
    setPage(data, 0, DATA_PHYSICAL, firstPresent, firstWritable);
    setPage(data, 1, DATA_PHYSICAL + OracleCase.PAGE, secondPresent, secondWritable);
  }

  private void map(long table, long physical) {
    setPage(table, 0, physical, true, true);
    setPage(table, 1, physical + OracleCase.PAGE, true, true);
  }

  private void buildDescriptors() {
    memory.write64(GDT + KERNEL_CS, 0x00af9b000000ffffL);
    memory.write64(GDT + 0x18, 0x00cf93000000ffffL);
    memory.write64(GDT + (USER32_CS & -8), 0x00cffb000000ffffL);
    memory.write64(GDT + (USER_DS & -8), 0x00cff3000000ffffL);
    memory.write64(GDT + (USER64_CS & -8), 0x00affb000000ffffL);
    for (int vector = 0; vector < 256; vector++) {
      long handler = HANDLERS + (long) HANDLER_BYTES * vector;
      memory.segment().asSlice(handler, HANDLER_BYTES).fill((byte) HLT);
      int dpl = vector == 3 || vector == 4 ? 3 : 0;
      long gate =
          handler & 0xffff
              | (long) KERNEL_CS << 16
              | (0x8eL | dpl << 5) << 40
              | (handler >>> 16 & 0xffff) << 48;
      memory.write64(IDT + 16L * vector, gate);
      memory.write64(IDT + 16L * vector + 8, handler >>> 32);
    }
    memory.write64(TSS + 4, KERNEL_STACK);
  }

  private void buildState() {
    base.cr0 = 0x80050033L; // PG AM WP NE ET MP PE, as Linux runs
    base.cr4 = 0x6b0; // OSXMMEXCPT OSFXSR PGE PAE PSE
    base.efer = 0xd01; // NXE LMA LME SCE
    base.star = (long) USER32_CS << 48 | (long) KERNEL_CS << 32;
    base.gdtBase = GDT;
    base.gdtLimit = 0x7f;
    base.idtBase = IDT;
    base.idtLimit = 0xfff;
    for (int i = CpuState.ES; i <= CpuState.GS; i++) {
      base.segments[i].set(USER_DS, 0, 0xffffffffL, 0xc0f3);
    }
    base.segments[CpuState.FS].set(0, 0, 0, SegmentRegister.UNUSABLE);
    base.segments[CpuState.GS].set(0, 0, 0, SegmentRegister.UNUSABLE);
    base.segments[CpuState.TR].set(0x40, TSS, 0x67, 0x8b);
    base.cr2 = 0;
  }

  @Override
  public void close() {
    arena.close();
  }
}
