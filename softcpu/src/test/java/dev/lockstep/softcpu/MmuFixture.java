package dev.lockstep.softcpu;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.SegmentRegister;
import java.lang.foreign.Arena;
import java.util.List;

/** A CPU without an interpreter, 8 MiB of memory from address 0 on, and page tables to map with. */
final class MmuFixture implements AutoCloseable {
  static final long P = 1;
  static final long W = 2;
  static final long U = 4;
  static final long A = 0x20;
  static final long D = 0x40;
  static final long LARGE = 0x80;
  static final long G = 0x100;
  static final long NX = 1L << 63;

  /** Where the top table lies; the others follow. */
  static final long TABLES = 0x10_0000;

  static final long MEMORY = 8 << 20;

  private final Arena arena = Arena.ofConfined();
  private long nextTable = TABLES + 0x1000;

  final GuestMemory memory;
  final Cpu c;

  private MmuFixture(CpuModel model) {
    memory = new GuestMemory(arena.allocate(MEMORY), List.of(new GuestMemory.Region(0, MEMORY, 0)));
    c = new Cpu(model, memory, count -> count, BranchSemantics.ALL_TRANSFERS);
    c.cr3 = TABLES;
    c.single = true;
  }

  /** 64-bit mode with 4-level paging, WP, NXE and PGE on, CPL 0. */
  static MmuFixture longMode() {
    return longMode(CpuModel.LOCKSTEP_V1_TSC);
  }

  /** The same for a CPU model. */
  static MmuFixture longMode(CpuModel model) {
    MmuFixture f = new MmuFixture(model);
    f.c.cr0 = ControlRegisters.PG | ControlRegisters.PE | ControlRegisters.WP;
    f.c.cr4 = ControlRegisters.PAE | ControlRegisters.PGE;
    f.c.efer = ControlRegisters.EFER_LMA | ControlRegisters.EFER_LME | ControlRegisters.EFER_NXE;
    f.c.segments[CpuState.CS].set(8, 0, 0xffff_ffffL, 0xa09b);
    f.c.mmu.select();
    return f;
  }

  /** 32-bit protected mode with these bits of CR4, paging on. */
  static MmuFixture protectedMode(long cr4) {
    MmuFixture f = new MmuFixture(CpuModel.LOCKSTEP_V1_TSC);
    f.c.cr0 = ControlRegisters.PG | ControlRegisters.PE | ControlRegisters.WP;
    f.c.cr4 = cr4;
    f.c.segments[CpuState.CS].set(8, 0, 0xffff_ffffL, 0xc09b);
    for (int i : new int[] {CpuState.SS, CpuState.DS, CpuState.ES}) {
      f.c.segments[i].set(16, 0, 0xffff_ffffL, 0xc093);
    }
    f.c.mmu.select();
    return f;
  }

  void cpl(int cpl) {
    c.cpl = cpl;
    c.mmu.select();
  }

  /** Maps a page of 4 KiB in 4-level tables; upper entries get P, W and U. Returns the address of its entry. */
  long map(long linear, long physical, long flags) {
    return mapAt(linear, physical, flags, 1);
  }

  /** Maps a page by an entry of a level: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB. */
  long mapAt(long linear, long physical, long flags, int level) {
    long table = TABLES;
    for (int l = 4; l > level; l--) {
      table = next(entry(table, linear, l));
    }
    long at = entry(table, linear, level);
    memory.write64(at, physical | flags);
    return at;
  }

  static long entry(long table, long linear, int level) {
    return table + ((linear >>> 3 + 9 * level & 0x1ff) << 3);
  }

  /** The table that an entry points at, made where it is not there. */
  private long next(long at) {
    long value = memory.read64(at);
    if ((value & P) == 0) {
      value = nextTable | P | W | U;
      nextTable += 0x1000;
      memory.write64(at, value);
    }
    return value & 0xf_ffff_ffff_f000L;
  }

  /** Address of the entry of a level that maps a linear address in 4-level tables. */
  long entryOf(long linear, int level) {
    long table = TABLES;
    for (int l = 4; l > level; l--) {
      table = memory.read64(entry(table, linear, l)) & 0xf_ffff_ffff_f000L;
    }
    return entry(table, linear, level);
  }

  /** What a page fault says, or what else was raised. */
  static String raised(Runnable access) {
    try {
      access.run();
      return "none";
    } catch (GuestFault fault) {
      return fault.vector == GuestFault.PF
          ? "#PF(%x) at %x".formatted(fault.errorCode, fault.address)
          : fault.nonCanonical
              ? "non-canonical"
              : "#%d(%x)".formatted(fault.vector, fault.errorCode);
    } catch (ExitSignal signal) {
      return "signal " + signal.getMessage();
    }
  }

  /** A null segment register. */
  void nullSegment(int index) {
    c.segments[index].set(0, 0, 0, SegmentRegister.UNUSABLE);
  }

  @Override
  public void close() {
    arena.close();
  }
}
