package dev.lockstep.softcpu.oracle;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.SegmentRegister;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.softcpu.SoftVcpu;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * The software CPU in the oracle's world: ring 3, the same windows at the same addresses, and an IDT whose handlers' addresses tell which exception was raised.
 *
 * <p>Physical memory: page tables and descriptor tables below 64 KiB, handlers at 64 KiB, the windows' pages from 1 MiB on.
 */
final class SoftOracle implements AutoCloseable {
  private static final long PML4 = 0x1000;
  private static final long PDPT = 0x2000;
  private static final long PD = 0x3000;
  private static final long LOW_PT = 0x4000;
  private static final long CODE_PT = 0x5000;
  private static final long DATA_PT = 0x6000;
  private static final long STACK_PT = 0x7000;
  private static final long GDT = 0x8000;
  private static final long IDT = 0x9000;
  private static final long TSS = 0xa000;
  private static final long KERNEL_STACK = 0xf000;
  private static final long HANDLERS = 0x10000;
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
  private static final int KERNEL_CS = 0x10;
  private static final int USER32_CS = 0x23;
  private static final int USER_DS = 0x2b;
  private static final int USER64_CS = 0x33;
  private static final int PAGE_FAULT = 14;

  /** Access rights: code and data of ring 3, and the bits beside. */
  private static final int CODE = 0xfb;

  private static final int DATA = 0xf3;
  private static final int LONG = 1 << 13;
  private static final int WIDE = 1 << 14;
  private static final int PAGES = 1 << 15;

  /** Vectors that push an error code (Intel SDM vol. 3A table 6-1). */
  private static final int WITH_ERROR_CODE =
      1 << 8 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17;

  private final Arena arena = Arena.ofConfined();
  private final GuestMemory memory;
  private final Vcpu vcpu;
  private final CpuState base = new CpuState();
  private final CpuState state = new CpuState();

  SoftOracle() {
    memory =
        new GuestMemory(
            arena.allocate(SIZE, GuestMemory.PAGE_SIZE),
            List.of(new GuestMemory.Region(0, SIZE, 0)));
    buildTables();
    buildState();
    vcpu =
        SoftVcpu.create(
            CpuModel.LOCKSTEP_V1_TSC, memory, count -> count, BranchSemantics.ALL_TRANSFERS);
  }

  OracleResult execute(OracleCase asked) {
    load(asked);
    vcpu.setState(state);
    VcpuExit exit = vcpu.step();
    // A repeated string instruction takes one step an iteration.
    vcpu.getState(state);
    while (exit instanceof VcpuExit.Stepped
        && state.rip == asked.entry()
        && state.segments[CpuState.CS].dpl() == 3
        && isRepeated(asked)) {
      exit = vcpu.step();
      vcpu.getState(state);
    }
    if (!(exit instanceof VcpuExit.Stepped)) {
      throw new AssertionError("the software CPU left with " + describe(exit) + " on " + asked);
    }
    return result(asked);
  }

  private static String describe(VcpuExit exit) {
    return exit instanceof VcpuExit.Unsupported unsupported
        ? "Unsupported(" + unsupported.what() + ")"
        : exit.toString();
  }

  private static boolean isRepeated(OracleCase asked) {
    for (byte one : asked.code()) {
      int value = one & 0xff;
      if (value == 0xf2 || value == 0xf3) {
        return true;
      }
      boolean override = value >= 0x64 && value < 0x68 || (value & 0xe7) == 0x26;
      boolean rex = asked.mode() == OracleCase.MODE_64 && (value & 0xf0) == 0x40;
      if (!override && !rex) {
        return false;
      }
    }
    return false;
  }

  private void load(OracleCase asked) {
    memory.segment().asSlice(CODE_PHYSICAL, 2L * OracleCase.PAGE).fill((byte) 0xcc);
    memory.write(CODE_PHYSICAL + asked.codeOffset(), asked.code(), 0, asked.code().length);
    memory.write(DATA_PHYSICAL + BEFORE, asked.data(), 0, OracleCase.WINDOW);
    memory.write(STACK_PHYSICAL + BEFORE, asked.stack(), 0, OracleCase.WINDOW);
    protect(asked.protection());
    state.set(base);
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

  private void protect(int protection) {
    boolean firstPresent = protection != OracleCase.DATA_ABSENT;
    boolean secondPresent = firstPresent && protection != OracleCase.DATA_SECOND_ABSENT;
    boolean firstWritable = protection != OracleCase.DATA_READ_ONLY;
    boolean secondWritable = firstWritable && protection != OracleCase.DATA_SECOND_READ_ONLY;
    setPage(DATA_PT, 0, DATA_PHYSICAL, firstPresent, firstWritable);
    setPage(DATA_PT, 1, DATA_PHYSICAL + OracleCase.PAGE, secondPresent, secondWritable);
  }

  private void setPage(long table, int index, long physical, boolean present, boolean writable) {
    memory.write64(
        table + 8L * index,
        physical | USER | ACCESSED_DIRTY | (present ? PRESENT : 0) | (writable ? WRITABLE : 0));
  }

  private OracleResult result(OracleCase asked) {
    int vector = OracleResult.NO_EXCEPTION;
    long error = 0;
    long cr2 = 0;
    long rip = state.rip;
    long rflags = state.rflags;
    long[] gpr = state.gpr.clone();
    if (state.segments[CpuState.CS].selector == KERNEL_CS) {
      vector = (int) ((state.rip - HANDLERS) / 16);
      long frame = state.gpr[4];
      if ((WITH_ERROR_CODE & 1 << vector) != 0) {
        error = memory.read64(frame);
        frame += 8;
      }
      rip = memory.read64(frame);
      rflags = memory.read64(frame + 16);
      gpr[4] = memory.read64(frame + 24);
      if (vector == PAGE_FAULT) {
        cr2 = state.cr2;
      } else {
        error = 0;
      }
    }
    byte[] data = new byte[OracleCase.WINDOW];
    byte[] stack = new byte[OracleCase.WINDOW];
    memory.read(DATA_PHYSICAL + BEFORE, data, 0, OracleCase.WINDOW);
    memory.read(STACK_PHYSICAL + BEFORE, stack, 0, OracleCase.WINDOW);
    return new OracleResult(
        vector, error, cr2, rip, rflags, gpr, state.fxsave.clone(), data, stack);
  }

  private void buildTables() {
    long upper = PRESENT | WRITABLE | USER | ACCESSED_DIRTY;
    memory.write64(PML4, PDPT | upper);
    memory.write64(PDPT, PD | upper);
    memory.write64(PD, LOW_PT | upper);
    for (int page = 0; page < 32; page++) {
      memory.write64(LOW_PT + 8L * page, (long) page << 12 | PRESENT | WRITABLE | ACCESSED_DIRTY);
    }
    map(OracleCase.CODE, CODE_PT, CODE_PHYSICAL);
    map(OracleCase.DATA, DATA_PT, DATA_PHYSICAL);
    map(OracleCase.STACK, STACK_PT, STACK_PHYSICAL);
    memory.write64(GDT + KERNEL_CS, 0x00af9b000000ffffL);
    memory.write64(GDT + 0x18, 0x00cf93000000ffffL);
    memory.write64(GDT + (USER32_CS & -8), 0x00cffb000000ffffL);
    memory.write64(GDT + (USER_DS & -8), 0x00cff3000000ffffL);
    memory.write64(GDT + (USER64_CS & -8), 0x00affb000000ffffL);
    for (int vector = 0; vector < 256; vector++) {
      long handler = HANDLERS + 16L * vector;
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

  private void map(long linear, long table, long physical) {
    long upper = PRESENT | WRITABLE | USER | ACCESSED_DIRTY;
    memory.write64(PD + 8 * (linear >>> 21), table | upper);
    setPage(table, 0, physical, true, true);
    setPage(table, 1, physical + OracleCase.PAGE, true, true);
  }

  private void buildState() {
    base.cr0 = 0x80050033L; // PG AM WP NE ET MP PE, as Linux runs
    base.cr3 = PML4;
    base.cr4 = 0x6b0; // OSXMMEXCPT OSFXSR PGE PAE PSE
    base.efer = 0xd01; // NXE LMA LME SCE
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
    vcpu.close();
    arena.close();
  }
}
