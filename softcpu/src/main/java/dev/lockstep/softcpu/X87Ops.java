package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.softcpu.fp.X87Compares;
import dev.lockstep.softcpu.fp.X87Images;
import dev.lockstep.softcpu.fp.X87State;
import dev.lockstep.softcpu.fp.X87Stores;
import dev.lockstep.softcpu.fp.X87Unit;
import org.jspecify.annotations.Nullable;

/** The shapes of x87 instructions: what they check, fetch, record and store. What they compute is in {@link X87Unit}. */
final class X87Ops {
  private X87Ops() {}

  /** Works on registers alone. */
  interface Action {
    void run(X87Unit unit);
  }

  /** Works on a memory operand, sign-extended from its width. */
  interface Load {
    void run(X87Unit unit, long bits);
  }

  /** Prepares a store; false where an unmasked exception forbids it. */
  interface Prepare {
    boolean run(X87Stores stores);
  }

  /** A comparison that sets RFLAGS. */
  interface CompareFlags {
    int run(X87Compares compares);
  }

  /** What every non-control instruction records: its address, its opcode, and where its memory operand was (Intel SDM vol. 1 8.1.8). */
  private abstract static class Recording extends Op {
    private final long rip;
    private final int fop;
    final @Nullable Ea ea;

    Recording(Insn insn) {
      this.rip = insn.rip;
      this.fop = (insn.opcode & 7) << 8 | insn.modrm;
      this.ea = insn.ea;
    }

    final void record(Cpu c) {
      X87State state = c.x87.state;
      state.fip = rip;
      state.fcs = c.segments[CpuState.CS].selector;
      state.fop = fop;
      Ea operand = ea;
      if (operand != null) {
        state.fdp = operand.offset(c);
        state.fds = c.segments[operand.segment].selector;
      }
    }

    @Override
    final boolean usesStackSegment(Cpu c) {
      return ea != null && ea.usesStackSegment();
    }
  }

  /** An instruction on registers. */
  static final class Register extends Recording {
    private final Action action;

    Register(Insn insn, Action action) {
      super(insn);
      this.action = action;
    }

    @Override
    void exec(Cpu c) {
      FpGate.x87(c);
      record(c);
      action.run(c.x87);
    }
  }

  /** FCMOVcc. */
  static final class ConditionalMove extends Recording {
    private final int condition;
    private final int i;

    ConditionalMove(Insn insn, int condition) {
      super(insn);
      this.condition = condition;
      this.i = insn.modrm & 7;
    }

    @Override
    void exec(Cpu c) {
      FpGate.x87(c);
      record(c);
      if (Flags.condition(c, condition)) {
        c.x87.moves.fcmov(i);
      } else {
        c.x87.moves.fcmovFalse(i);
      }
    }
  }

  /** FCOMI and its kin. */
  static final class CompareToFlags extends Recording {
    private final CompareFlags compare;

    CompareToFlags(Insn insn, CompareFlags compare) {
      super(insn);
      this.compare = compare;
    }

    @Override
    void exec(Cpu c) {
      FpGate.x87(c);
      record(c);
      int flags = compare.run(c.x87.compares);
      if (flags != X87Compares.UNCHANGED) {
        Flags.setArithmetic(c, flags);
      }
    }
  }

  /** An instruction with a memory operand of 2, 4 or 8 bytes. */
  static final class Memory extends Recording {
    private final Load load;
    private final int size;

    Memory(Insn insn, int size, Load load) {
      super(insn);
      this.load = load;
      this.size = size;
    }

    @Override
    void exec(Cpu c) {
      FpGate.x87(c);
      Ea operand = ea;
      if (operand == null) {
        throw new IllegalStateException("x87 memory operation without an operand");
      }
      long linear = operand.read(c, size);
      long bits =
          switch (size) {
            case 2 -> (short) c.mmu.load16(linear);
            case 4 -> (int) c.mmu.load32(linear);
            default -> c.mmu.load64(linear);
          };
      record(c);
      load.run(c.x87, bits);
    }
  }

  /** FLD m80 and FBLD: eight bytes and two. */
  static final class LoadTen extends Recording {
    private final boolean decimal;

    LoadTen(Insn insn, boolean decimal) {
      super(insn);
      this.decimal = decimal;
    }

    @Override
    void exec(Cpu c) {
      FpGate.x87(c);
      Ea operand = ea;
      if (operand == null) {
        throw new IllegalStateException("x87 memory operation without an operand");
      }
      long linear = operand.read(c, 10);
      long low = c.mmu.load64(linear);
      int high = (int) c.mmu.load16(linear + 8) & 0xffff;
      record(c);
      if (decimal) {
        c.x87.moves.fbld(low, high);
      } else {
        c.x87.moves.fldF80(high, low);
      }
    }
  }

  /** A store of 2, 4, 8 or 10 bytes. */
  static final class Store extends Recording {
    private final Prepare prepare;
    private final int size;
    private final boolean pop;

    Store(Insn insn, int size, boolean pop, Prepare prepare) {
      super(insn);
      this.prepare = prepare;
      this.size = size;
      this.pop = pop;
    }

    @Override
    void exec(Cpu c) {
      FpGate.x87(c);
      Ea operand = ea;
      if (operand == null) {
        throw new IllegalStateException("x87 memory operation without an operand");
      }
      long linear = operand.write(c, size);
      // The operand is checked before anything is raised: a page fault comes before a numeric
      // exception.
      c.mmu.probeWrite(linear, size);
      X87Stores stores = c.x87.stores;
      if (!prepare.run(stores)) {
        record(c);
        return;
      }
      switch (size) {
        case 2 -> c.mmu.store16(linear, (int) stores.low);
        case 4 -> c.mmu.store32(linear, (int) stores.low);
        default -> c.mmu.store64(linear, stores.low);
      }
      if (size == 10) {
        c.mmu.store16(linear + 8, stores.high);
      }
      record(c);
      if (pop) {
        stores.commitPop();
      } else {
        stores.commit();
      }
    }
  }

  /** A control instruction on registers: nothing is recorded. */
  static final class Control extends Op {
    private final boolean waits;
    private final Action action;

    Control(boolean waits, Action action) {
      this.waits = waits;
      this.action = action;
    }

    @Override
    void exec(Cpu c) {
      if (waits) {
        FpGate.x87(c);
      } else {
        FpGate.x87NoWait(c);
      }
      action.run(c.x87);
    }
  }

  /** FWAIT: #NM only with both MP and TS. */
  static final class Wait extends Op {
    private static final long CR0_MP = 1 << 1;
    private static final long CR0_TS = 1 << 3;

    @Override
    void exec(Cpu c) {
      if ((c.cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) {
        throw c.fault.raise(GuestFault.NM, 0);
      }
      FpGate.pending(c);
    }
  }

  /** FNSTSW AX. */
  static final class StatusToAx extends Op {
    @Override
    void exec(Cpu c) {
      FpGate.x87NoWait(c);
      c.r[0] = c.r[0] & ~0xffffL | c.x87.state.statusWord();
    }
  }

  /** FNSTCW and FNSTSW to memory. */
  static final class StoreWord extends Op {
    private final Ea ea;
    private final boolean status;

    StoreWord(Insn insn, boolean status) {
      this.ea = insn.memory();
      this.status = status;
    }

    @Override
    void exec(Cpu c) {
      FpGate.x87NoWait(c);
      X87State state = c.x87.state;
      c.mmu.store16(ea.write(c, 2), status ? state.statusWord() : state.control);
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  /** FLDCW. */
  static final class LoadControl extends Op {
    private final Ea ea;

    LoadControl(Insn insn) {
      this.ea = insn.memory();
    }

    @Override
    void exec(Cpu c) {
      FpGate.x87(c);
      c.x87.state.setControl((int) c.mmu.load16(ea.read(c, 2)) & 0xffff);
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  /** FNSTENV, FNSAVE, FLDENV, FRSTOR. */
  static final class Image extends Op {
    private final Ea ea;
    private final X87Images.Format format;
    private final boolean registers;
    private final boolean store;

    Image(Insn insn, boolean registers, boolean store) {
      this.ea = insn.memory();
      this.format =
          insn.operandSize == 2 ? X87Images.Format.PROTECTED16 : X87Images.Format.PROTECTED32;
      this.registers = registers;
      this.store = store;
    }

    @Override
    void exec(Cpu c) {
      int bytes = registers ? format.saveBytes() : format.environmentBytes();
      byte[] image = new byte[X87Images.MAX_BYTES];
      X87State state = c.x87.state;
      if (store) {
        FpGate.x87NoWait(c);
        long linear = ea.write(c, bytes);
        if (registers) {
          X87Images.save(state, format, image);
        } else {
          X87Images.storeEnvironment(state, format, image);
        }
        FxStateOps.store(c, linear, image, bytes);
        if (registers) {
          state.init();
        } else {
          X87Images.afterStoreEnvironment(state);
        }
        return;
      }
      FpGate.x87(c);
      FxStateOps.load(c, ea.read(c, bytes), image, bytes);
      if (registers) {
        X87Images.restore(state, format, image);
      } else {
        X87Images.loadEnvironment(state, format, image);
      }
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }
}
