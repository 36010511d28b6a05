package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.NativeWriter.ACCESSED;
import static dev.lockstep.softcpu.x64.Assembler.R10;
import static dev.lockstep.softcpu.x64.Assembler.R9;
import static dev.lockstep.softcpu.x64.Assembler.RAX;
import static dev.lockstep.softcpu.x64.Assembler.RBX;
import static dev.lockstep.softcpu.x64.Assembler.RCX;
import static dev.lockstep.softcpu.x64.Assembler.RDI;
import static dev.lockstep.softcpu.x64.Assembler.RDX;

import dev.lockstep.softcpu.RegionInsn.FlagEffect;
import dev.lockstep.softcpu.x64.Assembler;
import dev.lockstep.softcpu.x64.Assembler.Label;
import dev.lockstep.softcpu.x64.Assembler.Mem;
import org.jspecify.annotations.Nullable;

/** The less common instructions that translated code executes itself: bits, divisions, shifts by CL or of parts of registers, exchanges. */
enum NativeForm {
  /** BSF, BSR of 4 or 8 bytes. */
  SCAN(FlagEffect.SETS),
  /** BT, BTS, BTR, BTC of a register. */
  BIT(FlagEffect.CHANGES),
  /** BT by a constant in memory. */
  BIT_OF_MEMORY(FlagEffect.CHANGES),
  /** DIV, IDIV of 4 or 8 bytes. */
  DIVISION(FlagEffect.NONE),
  /** SHL, SHR, SAR of a register by CL. */
  SHIFT(FlagEffect.CHANGES),
  /** ROL, ROR of a register by CL whose flags nobody sees: else called. */
  ROTATE(FlagEffect.ANY),
  /** SHLD, SHRD of a register whose flags nobody sees: else called. */
  DOUBLE_SHIFT(FlagEffect.ANY),
  /** SHL, SHR, SAR of one or two bytes of a register by a constant. */
  NARROW_SHIFT(FlagEffect.SETS),
  /** CMPXCHG with memory. */
  COMPARE_EXCHANGE(FlagEffect.SETS),
  /** XADD with memory. */
  EXCHANGE_ADD(FlagEffect.SETS),
  /** PUSH of memory, of 8 bytes. */
  PUSH(FlagEffect.NONE),
  /** LEAVE of 8 bytes. */
  LEAVE(FlagEffect.NONE),
  /** XMM registers: see {@link NativeVector}. */
  VECTOR(FlagEffect.NONE);

  final FlagEffect effect;

  NativeForm(FlagEffect effect) {
    this.effect = effect;
  }

  /** How an instruction is translated that {@link RegionForm} has called; null where it is called. */
  static @Nullable NativeForm of(RegionInsn r) {
    Insn insn = r.insn;
    int size = insn.operandSize;
    boolean register = insn.ea == null;
    boolean whole = size >= 4;
    switch (insn.opcode) {
      case 0xc0, 0xd0, 0xc1, 0xd1:
        return register && narrows(insn) ? NARROW_SHIFT : null;
      case 0xd3:
        if (!register || !whole || insn.extension == Shifts.RCL || insn.extension == Shifts.RCR) {
          return null;
        }
        return insn.extension <= Shifts.ROR ? ROTATE : SHIFT;
      case 0xf7:
        return whole && insn.extension >= 6 ? DIVISION : null;
      case 0xff:
        return insn.extension == 6 && size == 8 && !register ? PUSH : null;
      case 0xc9:
        return size == 8 ? LEAVE : null;
      case 0x1a4, 0x1a5, 0x1ac, 0x1ad:
        return whole && register ? DOUBLE_SHIFT : null;
      case 0x1bc, 0x1bd:
        return whole && r.op instanceof BitOps.Scan ? SCAN : null;
      case 0x1a3, 0x1ab, 0x1b3, 0x1bb:
        return whole && register ? BIT : null;
      case 0x1ba:
        if (!whole || insn.extension < 4) {
          return null;
        }
        return register ? BIT : insn.extension == 4 ? BIT_OF_MEMORY : null;
      case 0x1b0, 0x1b1:
        return register ? null : COMPARE_EXCHANGE;
      case 0x1c0, 0x1c1:
        return register ? null : EXCHANGE_ADD;
      default:
        return NativeVector.translates(r.op) ? VECTOR : null;
    }
  }

  private static boolean narrows(Insn insn) {
    int size = (insn.opcode & 1) == 0 ? 1 : insn.operandSize;
    int count = insn.opcode < 0xd0 ? (int) insn.immediate & 31 : 1;
    return size < 4 && insn.extension >= Shifts.SHL && count > 0 && count < 8 * size;
  }

  /** Whether it is called after all: where somebody sees its flags. */
  boolean isCalled(RegionInsn r) {
    return (this == ROTATE || this == DOUBLE_SHIFT) && r.flagsSeen;
  }

  /** Whether the interpreter may have to execute it. */
  boolean mayLeave(RegionInsn r) {
    return r.insn.ea != null || isCalled(r) || this == DIVISION || this == LEAVE || this == VECTOR;
  }

  void translate(NativeWriter to, RegionInsn r) {
    switch (this) {
      case SCAN -> scan(to, r);
      case BIT -> bit(to, r);
      case BIT_OF_MEMORY -> bitOfMemory(to, r);
      case DIVISION -> division(to, r);
      case SHIFT, ROTATE -> shift(to, r);
      case DOUBLE_SHIFT -> doubleShift(to, r);
      case NARROW_SHIFT -> narrowShift(to, r);
      case COMPARE_EXCHANGE -> compareExchange(to, r);
      case EXCHANGE_ADD -> exchangeAdd(to, r);
      case PUSH -> push(to, r);
      case LEAVE -> leave(to);
      case VECTOR -> NativeVector.translate(to, r);
    }
  }

  /** ZF tells whether there is a bit, the parity is the index's, all others are clear: see {@link BitOps}. */
  private static void scan(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    int size = insn.operandSize;
    int from = NativeAlu.source(to, insn, size);
    Label nothing = new Label();
    Label done = new Label();
    a.test(size, from, from);
    a.jcc(Assembler.CC_E, nothing);
    a.scan(insn.opcode == 0x1bd, size, RDX, from);
    if (r.flagsSeen) {
      a.test(4, RDX, RDX);
      a.lahf();
      a.aluConstant(Assembler.AND, 4, RAX, Flags.PF << NativeFlags.CARRY_BIT);
      a.store(4, NativeFrame.slot(NativeFrame.FLAGS), RAX);
    }
    to.set(size, insn.reg, RDX);
    a.jmp(done);
    a.bind(nothing);
    if (r.flagsSeen) {
      a.storeConstant(
          4, NativeFrame.slot(NativeFrame.FLAGS), (Flags.ZF | Flags.PF) << NativeFlags.CARRY_BIT);
    }
    a.bind(done);
    to.flagsInHost(false);
  }

  private static void bit(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    int size = insn.operandSize;
    boolean byConstant = insn.opcode == 0x1ba;
    int kind = byConstant ? insn.extension : insn.opcode >> 3 & 7;
    int host = NativeFrame.host(insn.rm);
    int work = host >= 0 ? host : RDX;
    int index = byConstant ? 0 : to.whole(insn.reg, RCX);
    if (host < 0) {
      a.load(size, RDX, NativeFrame.slot(insn.rm));
    }
    if (byConstant) {
      a.bit(kind, size, work, (int) insn.immediate & 8 * size - 1);
    } else {
      a.bitBy(kind, size, work, index);
    }
    if (host < 0 && kind != 4) {
      a.store(8, NativeFrame.slot(insn.rm), RDX);
    }
    NativeAlu.keepCarryOnly(to, r);
  }

  private static void bitOfMemory(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    int size = insn.operandSize;
    to.read(insn.memory(), size);
    to.a.load(size, RCX, ACCESSED);
    to.a.bit(4, size, RCX, (int) insn.immediate & 8 * size - 1);
    NativeAlu.keepCarryOnly(to, r);
  }

  /** Divides where neither an exception nor a quotient of more bits can come; all else is the interpreter's. */
  private static void division(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    int size = insn.operandSize;
    int from = NativeAlu.source(to, insn, size);
    if (from != RCX) {
      a.mov(8, RCX, from);
    }
    if (insn.extension == Assembler.DIV) {
      // An upper half below the divisor, which is not zero then.
      a.alu(Assembler.CMP, size, RDI, RCX);
      a.jcc(Assembler.CC_NC, to.slow());
    } else {
      // A dividend of one word, and neither 0 nor -1 for a divisor.
      a.mov(size, RAX, RBX);
      a.shift(Assembler.SAR, size, RAX, 8 * size - 1);
      a.alu(Assembler.CMP, size, RAX, RDI);
      a.jcc(Assembler.CC_NE, to.slow());
      a.lea(size, RAX, Mem.of(RCX, 1));
      a.aluConstant(Assembler.CMP, size, RAX, 1);
      a.jcc(Assembler.CC_BE, to.slow());
    }
    a.mov(size, RAX, RBX);
    a.mov(size, RDX, RDI);
    a.group3(insn.extension, size, RCX);
    a.mov(size, RBX, RAX);
    a.mov(size, RDI, RDX);
    to.flagsInHost(false);
  }

  private static void shift(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    int size = insn.operandSize;
    int kind = insn.extension == 6 ? Shifts.SHL : insn.extension;
    int host = NativeFrame.host(insn.rm);
    int work = host >= 0 ? host : RDX;
    a.mov(4, RCX, NativeFrame.host(1));
    if (host < 0) {
      a.load(size, RDX, NativeFrame.slot(insn.rm));
    }
    if (size == 4) {
      // A count of 0 clears the upper half as well.
      to.set(4, insn.rm, work);
    }
    Label done = new Label();
    if (r.flagsSeen) {
      a.testConstant(1, RCX, size == 8 ? 63 : 31);
      a.jcc(Assembler.CC_E, done);
    }
    a.shiftByCl(kind, size, work);
    int result = work;
    if (host < 0) {
      a.mov(8, RCX, RDX);
      a.store(8, NativeFrame.slot(insn.rm), RCX);
      result = RCX;
    }
    if (r.flagsSeen) {
      NativeAlu.shiftFlags(to, kind, size, 2, result);
    }
    a.bind(done);
    to.flagsInHost(false);
  }

  private static void doubleShift(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    int size = insn.operandSize;
    boolean left = insn.opcode < 0x1a8;
    int source = to.whole(insn.reg, RAX);
    a.mov(size, RDX, to.whole(insn.rm, RDX));
    if ((insn.opcode & 1) == 0) {
      a.shiftDouble(left, size, RDX, source, (int) insn.immediate & (size == 8 ? 63 : 31));
    } else {
      a.mov(4, RCX, NativeFrame.host(1));
      a.shiftDoubleByCl(left, size, RDX, source);
    }
    // A count of 0 clears the upper half of a register of 4 bytes as well.
    to.set(size, insn.rm, RDX);
    to.flagsInHost(false);
  }

  private static void narrowShift(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    int size = RegionAlu.size(r);
    int count = insn.opcode < 0xd0 ? (int) insn.immediate & 31 : 1;
    int kind = insn.extension == 6 ? Shifts.SHL : insn.extension;
    int code = Operand.code(insn, size, insn.rm);
    a.movzx(size, RCX, to.get(size, code, RCX));
    a.shift(kind, size, RCX, count);
    if (r.flagsSeen) {
      NativeAlu.shiftFlags(to, kind, size, count, RCX);
    }
    to.set(size, code, RCX);
    to.flagsInHost(false);
  }

  private static void compareExchange(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    int size = RegionAlu.size(r);
    to.write(insn.memory(), size);
    int from = to.get(size, Operand.code(insn, size, insn.reg), RCX);
    a.load(size, RDX, ACCESSED);
    Label other = new Label();
    Label done = new Label();
    a.alu(Assembler.CMP, size, RBX, RDX);
    a.jcc(Assembler.CC_NE, other);
    a.store(size, ACCESSED, from);
    a.jmp(done);
    a.bind(other);
    a.mov(size, RBX, RDX);
    a.bind(done);
    to.flagsInHost(true);
    if (r.flagsSeen) {
      to.saveFlags();
    }
  }

  private static void exchangeAdd(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    int size = RegionAlu.size(r);
    int code = Operand.code(insn, size, insn.reg);
    to.write(insn.memory(), size);
    int from = to.get(size, code, RCX);
    a.load(size, RDX, ACCESSED);
    a.alu(Assembler.ADD, size, ACCESSED, from);
    if (r.flagsSeen) {
      to.saveFlags();
    }
    to.set(size, code, RDX);
    to.flagsInHost(false);
  }

  private static void push(NativeWriter to, RegionInsn r) {
    Mem kept = NativeFrame.slot(NativeFrame.RIP);
    to.read(r.insn.memory(), 8);
    to.a.load(8, RCX, ACCESSED);
    to.a.store(8, kept, RCX);
    NativeMoves.pushSpace(to);
    to.a.load(8, RCX, kept);
    to.a.store(8, ACCESSED, RCX);
    NativeMoves.pushed(to);
  }

  private static void leave(NativeWriter to) {
    to.a.mov(8, RAX, R10);
    to.access(NativeFrame.LOADS, 8);
    to.a.load(8, RCX, ACCESSED);
    to.a.lea(8, R9, Mem.of(R10, 8));
    to.a.mov(8, R10, RCX);
  }
}
