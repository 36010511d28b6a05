package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.SegmentRegister;

/** IN, OUT, INS and OUTS with the permission check of IOPL and the TSS's I/O bitmap (Intel SDM vol. 1 19.5). */
final class PortOps {
  private static final int RCX = 1;
  private static final int RDX = 2;
  private static final int RSI = 6;
  private static final int RDI = 7;
  private static final int BITMAP_BASE = 0x66;

  private PortOps() {}

  /** Makes E4..E7 and EC..EF. */
  static Op inOut(Insn insn) {
    int width = (insn.opcode & 1) == 0 ? 1 : Math.min(insn.operandSize, 4);
    boolean byDx = insn.opcode >= 0xec;
    int fixed = (int) insn.immediate & 0xff;
    boolean out = (insn.opcode & 2) != 0;
    return SystemOp.alone(
        insn,
        c -> {
          int port = byDx ? (int) c.r[RDX] & 0xffff : fixed;
          check(c, port, width);
          if (out) {
            c.exits.portWrite(port, width, (int) c.r[0]);
            tell(c, port, width, (int) c.r[0], true);
          } else {
            int value = c.exits.portRead(port, width);
            setAccumulator(c, width, value);
            tell(c, port, width, value, false);
            if (width == 4 && c.exits.pair()) {
              c.r[RDX] = c.exits.high() & 0xffff_ffffL;
            }
          }
          c.debug.port(port, width);
        });
  }

  private static void tell(Cpu c, int port, int width, int value, boolean write) {
    Observation observation = c.observation;
    if (observation != null) {
      observation.port(port, width, value, write);
    }
  }

  private static void setAccumulator(Cpu c, int width, int value) {
    c.r[0] =
        switch (width) {
          case 1 -> c.r[0] & ~0xffL | value & 0xff;
          case 2 -> c.r[0] & ~0xffffL | value & 0xffff;
          default -> value & 0xffff_ffffL;
        };
  }

  /** #GP(0) unless CPL is at most IOPL or the bitmap's bits are clear. */
  private static void check(Cpu c, int port, int width) {
    if (c.cpl <= (c.systemFlags >>> 12 & 3)) {
      return;
    }
    SegmentRegister tr = c.segments[CpuState.TR];
    boolean wideTss = (tr.type() & 9) == 9;
    if (!wideTss || tr.limit < BITMAP_BASE + 1) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    long at = c.mmu.loadSystem(tr.base + BITMAP_BASE, 2) + (port >>> 3);
    if (at + 1 > tr.limit) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    long bits = c.mmu.loadSystem(tr.base + at, 2) >>> (port & 7);
    if ((bits & (1 << width) - 1) != 0) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
  }

  /** INS and OUTS, alone or repeated: one iteration an execution, since each is an exit. */
  static final class StringPort extends Op {
    private final int width;
    private final boolean out;
    private final boolean repeated;
    private final long rip;
    private final long nextRip;
    private final long mask;
    private final Ea memory;

    StringPort(Insn insn) {
      this.width = (insn.opcode & 1) == 0 ? 1 : Math.min(insn.operandSize, 4);
      this.out = insn.opcode >= 0x6e;
      this.repeated = insn.repeat != 0;
      this.rip = insn.rip;
      this.nextRip = insn.nextRip;
      this.mask = insn.addressSize == 8 ? -1L : insn.addressSize == 4 ? 0xffff_ffffL : 0xffffL;
      int segment =
          out ? (insn.segmentOverride >= 0 ? insn.segmentOverride : CpuState.DS) : CpuState.ES;
      this.memory = new Ea(insn.mode, insn.addressSize, segment, out ? RSI : RDI, Cpu.ZERO, 0, 0);
    }

    @Override
    void exec(Cpu c) {
      if (repeated && (c.r[RCX] & mask) == 0) {
        c.rip = nextRip;
        return;
      }
      int port = (int) c.r[RDX] & 0xffff;
      check(c, port, width);
      if (out) {
        long linear = memory.read(c, width);
        long value =
            switch (width) {
              case 1 -> c.mmu.load8(linear);
              case 2 -> c.mmu.load16(linear);
              default -> c.mmu.load32(linear);
            };
        c.exits.portWrite(port, width, (int) value);
        tell(c, port, width, (int) value, true);
      } else {
        long linear = memory.write(c, width);
        c.mmu.probeWrite(linear, width);
        int value = c.exits.portRead(port, width);
        switch (width) {
          case 1 -> c.mmu.store8(linear, value);
          case 2 -> c.mmu.store16(linear, value);
          default -> c.mmu.store32(linear, value);
        }
        tell(c, port, width, value, false);
      }
      c.debug.port(port, width);
      step(c, out ? RSI : RDI, (long) width * c.direction);
      c.rip = nextRip;
      if (repeated) {
        step(c, RCX, -1);
        if ((c.r[RCX] & mask) != 0) {
          c.rip = rip;
          c.midRepeat = true;
        }
      }
    }

    /** Adds to a register by the address size; a 32-bit one clears the upper half. */
    private void step(Cpu c, int register, long by) {
      long moved = c.r[register] + by & mask;
      c.r[register] = mask == 0xffffL ? c.r[register] & ~mask | moved : moved;
    }

    @Override
    int placement() {
      return ALONE;
    }
  }
}
