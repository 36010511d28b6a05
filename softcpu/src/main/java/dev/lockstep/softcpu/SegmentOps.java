package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.SegmentRegister;
import java.util.function.ToLongFunction;

/** Instructions that read, load and examine segment registers and descriptor tables. */
final class SegmentOps {
  private static final int SHADOW_MOV_SS = 2;
  private static final int TYPE_LDT = 2;
  private static final int TYPE_TSS_AVAILABLE_16 = 1;
  private static final int TYPE_TSS_AVAILABLE = 9;
  private static final int BUSY = 2;

  /** System types that LAR accepts outside long mode: TSS, LDT, call and task gates. */
  private static final int LAR_LEGACY = 0b0001_1010_0011_1110;

  /** In long mode: LDT, TSS, call gate. */
  private static final int LAR_LONG = 0b0001_1010_0000_0100;

  /** System types with a limit. */
  private static final int LSL_LEGACY = 0b0000_1010_0000_1110;

  private static final int LSL_LONG = 0b0000_1010_0000_0100;

  private SegmentOps() {}

  /** Writes a general register of 2, 4 or 8 bytes. */
  static void setRegister(Cpu c, int register, int size, long value) {
    c.r[register] =
        size == 2
            ? c.r[register] & ~0xffffL | value & 0xffff
            : size == 4 ? value & 0xffff_ffffL : value;
  }

  /** The 16-bit r/m operand. */
  static int source16(Cpu c, Insn insn) {
    Ea ea = insn.ea;
    return (int) (ea == null ? c.r[insn.rm] : c.mmu.load16(ea.read(c, 2))) & 0xffff;
  }

  /** Stores a selector or the like: 16 bits to memory, the operand size to a register, zero-extended. */
  private static Op storeWord(Insn insn, ToLongFunction<Cpu> value) {
    Ea ea = insn.ea;
    int register = insn.rm;
    int size = insn.operandSize;
    return SystemOp.middle(
        insn,
        c -> {
          if (ea != null) {
            c.mmu.store16(ea.write(c, 2), value.applyAsLong(c));
          } else {
            setRegister(c, register, size, value.applyAsLong(c));
          }
        });
  }

  /** 8C. */
  static Op moveFrom(Insn insn) {
    int index = insn.extension;
    return index > CpuState.GS ? UndefinedOp.UD : storeWord(insn, c -> c.segments[index].selector);
  }

  /** 8E. */
  static Op moveTo(Insn insn) {
    int index = insn.extension;
    if (index > CpuState.GS || index == CpuState.CS) {
      return UndefinedOp.UD;
    }
    return SystemOp.ends(insn, c -> load(c, index, source16(c, insn)));
  }

  private static void load(Cpu c, int index, int selector) {
    Descriptors.loadData(c, index, selector);
    if (index == CpuState.SS) {
      c.interruptShadow = SHADOW_MOV_SS;
      c.attention = true;
    }
  }

  /** POP ES, SS, DS, FS, GS. */
  static Op pop(Insn insn, int index) {
    int size = insn.operandSize;
    return SystemOp.ends(
        insn,
        c -> {
          int selector = (int) SystemStack.read(c, 0, size) & 0xffff;
          // RSP moves with the stack's width before the load of SS.
          long mask = SystemStack.mask(c);
          load(c, index, selector);
          long rsp = c.r[4];
          long moved = rsp + size & mask;
          c.r[4] = mask == 0xffffL ? rsp & ~mask | moved : moved;
        });
  }

  /** PUSH ES, CS, SS, DS, FS, GS. */
  static Op push(Insn insn, int index) {
    int size = insn.operandSize;
    return SystemOp.middle(
        insn,
        c -> {
          SystemStack.write(c, -size, size, c.segments[index].selector);
          SystemStack.adjust(c, -size);
        });
  }

  /** LES, LDS, LSS, LFS, LGS. */
  static Op loadPointer(Insn insn, int index) {
    if (insn.ea == null) {
      return UndefinedOp.UD;
    }
    Ea ea = insn.memory();
    int size = insn.operandSize;
    int register = insn.reg;
    return SystemOp.ends(
        insn,
        c -> {
          long linear = ea.read(c, size + 2);
          long offset = read(c, linear, size);
          int selector = (int) c.mmu.load16(linear + size);
          Descriptors.loadData(c, index, selector);
          setRegister(c, register, size, offset);
        });
  }

  static long read(Cpu c, long linear, int size) {
    return switch (size) {
      case 2 -> c.mmu.load16(linear);
      case 4 -> c.mmu.load32(linear);
      default -> c.mmu.load64(linear);
    };
  }

  /** 0F 00: SLDT STR LLDT LTR VERR VERW. */
  static Op group6(Insn insn) {
    return switch (insn.extension) {
      case 0 -> storeWord(insn, c -> c.segments[CpuState.LDTR].selector);
      case 1 -> storeWord(insn, c -> c.segments[CpuState.TR].selector);
      case 2 -> SystemOp.ends(insn, c -> loadLdt(c, source16(c, insn)));
      case 3 -> SystemOp.ends(insn, c -> loadTask(c, source16(c, insn)));
      case 4 -> SystemOp.middle(insn, c -> setZero(c, accessible(c, source16(c, insn), false)));
      case 5 -> SystemOp.middle(insn, c -> setZero(c, accessible(c, source16(c, insn), true)));
      default -> UndefinedOp.UD;
    };
  }

  private static void privileged(Cpu c) {
    if (c.cpl != 0) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
  }

  private static void loadLdt(Cpu c, int selector) {
    privileged(c);
    SegmentRegister ldt = c.segments[CpuState.LDTR];
    if (Descriptors.isNull(selector)) {
      ldt.set(selector, 0, 0, SegmentRegister.UNUSABLE);
      return;
    }
    long descriptor = system(c, selector, 1 << TYPE_LDT);
    long base = systemBase(c, selector, descriptor);
    Descriptors.unpack(ldt, selector, descriptor);
    ldt.base = base;
  }

  private static void loadTask(Cpu c, int selector) {
    privileged(c);
    if (Descriptors.isNull(selector)) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    int types = 1 << TYPE_TSS_AVAILABLE;
    if (!FarTransfers.longMode(c)) {
      types |= 1 << TYPE_TSS_AVAILABLE_16;
    }
    long descriptor = system(c, selector, types);
    long base = systemBase(c, selector, descriptor);
    long at = Descriptors.address(c, selector, 8);
    c.mmu.storeSystem(at + 5, 1, descriptor >>> 40 & 0xff | BUSY);
    SegmentRegister task = c.segments[CpuState.TR];
    Descriptors.unpack(task, selector, descriptor | (long) BUSY << 40);
    task.base = base;
  }

  /** A system descriptor of the GDT with one of these types, present. */
  private static long system(Cpu c, int selector, int types) {
    if ((selector & 4) != 0) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc);
    }
    long descriptor = Descriptors.fetch(c, selector, GuestFault.GP);
    boolean fits =
        (descriptor & Descriptors.CODE_OR_DATA) == 0
            && (types >>> Descriptors.type(descriptor) & 1) != 0;
    if (!fits) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc);
    }
    if (!Descriptors.isPresent(descriptor)) {
      throw c.fault.raise(GuestFault.NP, selector & 0xfffc);
    }
    return descriptor;
  }

  /** The base, with its upper half in long mode. */
  private static long systemBase(Cpu c, int selector, long descriptor) {
    long base = Descriptors.base(descriptor);
    if (FarTransfers.longMode(c)) {
      base |= Descriptors.fetchUpper(c, selector, GuestFault.GP) << 32;
      if (base << 16 >> 16 != base) {
        throw c.fault.raise(GuestFault.GP, selector & 0xfffc);
      }
    }
    return base;
  }

  private static void setZero(Cpu c, boolean value) {
    int flags = Flags.arithmetic(c);
    Flags.setArithmetic(c, value ? flags | Flags.ZF : flags & ~Flags.ZF);
  }

  /** Whether a code or data segment may be read (VERR) or written (VERW) from here. */
  private static boolean accessible(Cpu c, int selector, boolean write) {
    long descriptor = visible(c, selector);
    if (descriptor == 0 || (descriptor & Descriptors.CODE_OR_DATA) == 0) {
      return false;
    }
    int type = Descriptors.type(descriptor);
    boolean code = (type & 8) != 0;
    boolean conforming = code && (type & 4) != 0;
    boolean privileged = conforming || privilegeFits(c, selector, descriptor);
    boolean right = write ? !code && (type & 2) != 0 : !code || (type & 2) != 0;
    return privileged && right;
  }

  private static boolean privilegeFits(Cpu c, int selector, long descriptor) {
    int dpl = Descriptors.dpl(descriptor);
    return dpl >= c.cpl && dpl >= (selector & 3);
  }

  /** A selector's descriptor, or 0 where there is none. */
  private static long visible(Cpu c, int selector) {
    if (Descriptors.isNull(selector)) {
      return 0;
    }
    long at = Descriptors.address(c, selector, 8);
    return at == -1 ? 0 : c.mmu.loadSystem(at, 8);
  }

  /** LAR and LSL. */
  static Op examine(Insn insn, boolean limit) {
    int register = insn.reg;
    int size = insn.operandSize;
    return SystemOp.middle(
        insn,
        c -> {
          int selector = source16(c, insn);
          long descriptor = visible(c, selector);
          boolean fits = descriptor != 0 && examinable(c, selector, descriptor, limit);
          if (fits) {
            long value = limit ? Descriptors.limit(descriptor) : descriptor >>> 32 & 0x00f0_ff00L;
            setRegister(c, register, size, value);
          }
          setZero(c, fits);
        });
  }

  private static boolean examinable(Cpu c, int selector, long descriptor, boolean limit) {
    int type = Descriptors.type(descriptor);
    if ((descriptor & Descriptors.CODE_OR_DATA) != 0) {
      boolean conforming = (type & 12) == 12;
      return conforming || privilegeFits(c, selector, descriptor);
    }
    boolean wide = FarTransfers.longMode(c);
    int types = limit ? wide ? LSL_LONG : LSL_LEGACY : wide ? LAR_LONG : LAR_LEGACY;
    return (types >>> type & 1) != 0 && privilegeFits(c, selector, descriptor);
  }

  /** ARPL: raises the RPL of a selector to that of another. The operand is written only where it changes. */
  static Op adjustPrivilege(Insn insn) {
    Ea ea = insn.ea;
    int from = insn.reg;
    int to = insn.rm;
    return SystemOp.middle(
        insn,
        c -> {
          int rpl = (int) c.r[from] & 3;
          int selector = (int) (ea == null ? c.r[to] : c.mmu.load16(ea.read(c, 2))) & 0xffff;
          boolean raised = (selector & 3) < rpl;
          if (raised) {
            long value = selector & ~3 | rpl;
            if (ea == null) {
              setRegister(c, to, 2, value);
            } else {
              c.mmu.store16(ea.write(c, 2), value);
            }
          }
          setZero(c, raised);
        });
  }

  /** SGDT, SIDT: limit and base. */
  static Op storeTable(Insn insn, boolean interrupts) {
    Ea ea = insn.memory();
    boolean wide = insn.is64();
    return SystemOp.middle(
        insn,
        c -> {
          long linear = ea.write(c, wide ? 10 : 6);
          c.mmu.probeWrite(linear, wide ? 10 : 6);
          c.mmu.store16(linear, interrupts ? c.idtLimit : c.gdtLimit);
          long base = interrupts ? c.idtBase : c.gdtBase;
          if (wide) {
            c.mmu.store64(linear + 2, base);
          } else {
            c.mmu.store32(linear + 2, base);
          }
        });
  }

  /** LGDT, LIDT. */
  static Op loadTable(Insn insn, boolean interrupts) {
    Ea ea = insn.memory();
    boolean wide = insn.is64();
    long mask = insn.operandSize == 2 ? 0xff_ffffL : 0xffff_ffffL;
    return SystemOp.ends(
        insn,
        c -> {
          privileged(c);
          long linear = ea.read(c, wide ? 10 : 6);
          int limit = (int) c.mmu.load16(linear);
          long base = wide ? c.mmu.load64(linear + 2) : c.mmu.load32(linear + 2) & mask;
          if (wide && base << 16 >> 16 != base) {
            throw c.fault.raise(GuestFault.GP, 0);
          }
          if (interrupts) {
            c.idtBase = base;
            c.idtLimit = limit;
          } else {
            c.gdtBase = base;
            c.gdtLimit = limit;
          }
        });
  }
}
