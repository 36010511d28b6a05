package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.NativeWriter.ACCESSED;
import static dev.lockstep.softcpu.x64.Assembler.RAX;
import static dev.lockstep.softcpu.x64.Assembler.RBX;
import static dev.lockstep.softcpu.x64.Assembler.RCX;
import static dev.lockstep.softcpu.x64.Assembler.RDI;
import static dev.lockstep.softcpu.x64.Assembler.RDX;

import dev.lockstep.softcpu.x64.Assembler;
import dev.lockstep.softcpu.x64.Assembler.Mem;

/**
 * Arithmetic and logic in translated code: by the host's instruction of the same name, whose flags are the guest's. Where the manuals leave flags undefined they are made as the interpreter makes them, but for AF after logical operations: {@link NativeSelfTest} holds that the host clears
 * it.
 */
final class NativeAlu {
  private NativeAlu() {}

  /** The nine operations of two operands, INC, DEC and NEG. */
  static void arithmetic(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    int size = RegionAlu.size(r);
    int kind = RegionAlu.kind(r);
    boolean stores = kind != Alu.CMP && kind != Alu.TEST;
    switch (r.form) {
      case ALU_REGISTER_PLACE -> {
        int reg = Operand.code(insn, size, insn.reg);
        if (insn.ea != null) {
          to.read(insn.ea, size);
          withMemory(to, kind, size, reg);
        } else {
          int from = to.get(size, Operand.code(insn, size, insn.rm), RCX);
          withRegister(to, kind, size, reg, from);
        }
      }
      case ALU_ACCUMULATOR -> withConstant(to, kind, size, 0, insn.immediate);
      case ALU_PLACE_REGISTER -> {
        int reg = Operand.code(insn, size, insn.reg);
        if (insn.ea != null) {
          access(to, insn.ea, size, stores);
          int from = to.get(size, reg, RCX);
          carry(to, kind);
          if (kind == Alu.TEST) {
            to.a.test(size, ACCESSED, from);
          } else {
            to.a.alu(kind, size, ACCESSED, from);
          }
        } else {
          int from = to.get(size, reg, RCX);
          withRegister(to, kind, size, Operand.code(insn, size, insn.rm), from);
        }
      }
      case ALU_PLACE_CONSTANT -> {
        if (insn.ea != null) {
          access(to, insn.ea, size, stores);
          carry(to, kind);
          if (kind == Alu.TEST) {
            to.a.testConstant(size, ACCESSED, insn.immediate);
          } else {
            to.a.aluConstant(kind, size, ACCESSED, insn.immediate);
          }
        } else {
          withConstant(to, kind, size, Operand.code(insn, size, insn.rm), insn.immediate);
        }
      }
      default -> {
        one(to, r, size);
        return;
      }
    }
    to.flagsInHost(true);
    if (r.flagsSeen) {
      to.saveFlags();
    }
  }

  private static void access(NativeWriter to, Ea ea, int size, boolean stores) {
    if (stores) {
      to.write(ea, size);
    } else {
      to.read(ea, size);
    }
  }

  /** Of ADC and SBB. */
  private static void carry(NativeWriter to, int kind) {
    if (kind == Alu.ADC || kind == Alu.SBB) {
      to.needCarry();
    }
  }

  private static boolean onlyCompares(int kind) {
    return kind == Alu.CMP || kind == Alu.TEST;
  }

  /** A register, and an operand in a register of the host. */
  private static void withRegister(NativeWriter to, int kind, int size, int code, int from) {
    Assembler a = to.a;
    if (NativeWriter.isHigh(code)) {
      if (from != RCX) {
        a.mov(4, RCX, from);
      }
      high(to, kind, code);
      return;
    }
    int host = NativeFrame.host(code);
    Mem slot = host < 0 ? NativeFrame.slot(code) : null;
    carry(to, kind);
    if (slot == null) {
      binary(a, kind, size, host, from);
    } else if (size != 4 || onlyCompares(kind)) {
      if (kind == Alu.TEST) {
        a.test(size, slot, from);
      } else {
        a.alu(kind, size, slot, from);
      }
    } else {
      a.load(4, RDX, slot);
      binary(a, kind, size, RDX, from);
      a.store(8, slot, RDX);
    }
  }

  private static void binary(Assembler a, int kind, int size, int host, int from) {
    if (kind == Alu.TEST) {
      a.test(size, host, from);
    } else {
      a.alu(kind, size, host, from);
    }
  }

  /** A register, and the operand in memory. */
  private static void withMemory(NativeWriter to, int kind, int size, int code) {
    if (!NativeWriter.isHigh(code) && NativeFrame.host(code) >= 0 && kind != Alu.TEST) {
      carry(to, kind);
      to.a.alu(kind, size, NativeFrame.host(code), ACCESSED);
    } else {
      to.a.load(size, RCX, ACCESSED);
      withRegister(to, kind, size, code, RCX);
    }
  }

  private static void withConstant(NativeWriter to, int kind, int size, int code, long value) {
    Assembler a = to.a;
    if (NativeWriter.isHigh(code)) {
      a.constant(RCX, value & 0xff);
      high(to, kind, code);
      return;
    }
    int host = NativeFrame.host(code);
    Mem slot = host < 0 ? NativeFrame.slot(code) : null;
    carry(to, kind);
    if (slot == null) {
      constant(a, kind, size, host, value);
    } else if (size == 4 && !onlyCompares(kind)) {
      a.load(4, RDX, slot);
      constant(a, kind, size, RDX, value);
      a.store(8, slot, RDX);
    } else if (kind == Alu.TEST) {
      a.testConstant(size, slot, value);
    } else {
      a.aluConstant(kind, size, slot, value);
    }
  }

  private static void constant(Assembler a, int kind, int size, int host, long value) {
    if (kind == Alu.TEST) {
      a.testConstant(size, host, value);
    } else {
      a.aluConstant(kind, size, host, value);
    }
  }

  /** AH, CH, DH or BH, and the operand in CL. */
  private static void high(NativeWriter to, int kind, int code) {
    Assembler a = to.a;
    int host = NativeFrame.host(code & 31);
    a.mov(8, RAX, host);
    carry(to, kind);
    if (kind == Alu.TEST) {
      a.testHigh(RAX, RCX);
    } else {
      a.aluHigh(kind, RAX, RCX);
    }
    if (!onlyCompares(kind)) {
      a.mov(8, host, RAX);
    }
  }

  /** INC, DEC and NEG. */
  private static void one(NativeWriter to, RegionInsn r, int size) {
    Insn insn = r.insn;
    Assembler a = to.a;
    boolean keepsCarry = r.form != RegionForm.NEGATE;
    if (insn.ea != null) {
      to.write(insn.ea, size);
      keepCarry(to, r, keepsCarry);
      switch (r.form) {
        case INCREMENT -> a.inc(size, ACCESSED);
        case DECREMENT -> a.dec(size, ACCESSED);
        default -> a.group3(Assembler.NEG, size, ACCESSED);
      }
    } else {
      int code = Operand.code(insn, size, insn.rm);
      int host = NativeWriter.isHigh(code) ? -1 : NativeFrame.host(code);
      int work = host >= 0 ? host : RCX;
      if (host < 0) {
        copy(to, size, code, RCX);
      }
      keepCarry(to, r, keepsCarry);
      switch (r.form) {
        case INCREMENT -> a.inc(size, work);
        case DECREMENT -> a.dec(size, work);
        default -> a.group3(Assembler.NEG, size, work);
      }
      if (host < 0) {
        if (r.flagsSeen) {
          to.saveFlags();
        }
        to.set(size, code, work);
        to.flagsInHost(false);
        return;
      }
    }
    to.flagsInHost(r.flagsSeen || !keepsCarry);
    if (r.flagsSeen) {
      to.saveFlags();
    }
  }

  private static void keepCarry(NativeWriter to, RegionInsn r, boolean keeps) {
    if (keeps && r.flagsSeen) {
      to.needCarry();
    }
  }

  /** A copy of a register in one of the scratch registers, whatever kind it is. */
  static void copy(NativeWriter to, int size, int code, int scratch) {
    int got = to.get(size, code, scratch);
    if (got != scratch) {
      to.a.mov(8, scratch, got);
    }
  }

  /** NOT. */
  static void not(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    int size = RegionAlu.size(r);
    if (insn.ea != null) {
      to.write(insn.ea, size);
      to.a.group3(Assembler.NOT, size, ACCESSED);
      return;
    }
    int code = Operand.code(insn, size, insn.rm);
    int host = NativeWriter.isHigh(code) ? -1 : NativeFrame.host(code);
    if (host >= 0) {
      to.a.group3(Assembler.NOT, size, host);
    } else {
      copy(to, size, code, RCX);
      to.a.group3(Assembler.NOT, size, RCX);
      to.set(size, code, RCX);
    }
  }

  /** Shifts and rotates by a constant, of 4 or 8 bytes. */
  static void shift(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    int size = RegionAlu.size(r);
    int count = RegionForm.shiftCount(insn);
    int kind = insn.extension == 6 ? Shifts.SHL : insn.extension;
    int result;
    if (insn.ea != null) {
      to.write(insn.ea, size);
      a.load(size, RCX, ACCESSED);
      a.shift(kind, size, RCX, count);
      a.store(size, ACCESSED, RCX);
      result = RCX;
    } else {
      int host = NativeFrame.host(insn.rm);
      result = host >= 0 ? host : RCX;
      if (host < 0) {
        a.load(size, RCX, NativeFrame.slot(insn.rm));
      }
      a.shift(kind, size, result, count);
      if (host < 0) {
        a.store(8, NativeFrame.slot(insn.rm), RCX);
      }
    }
    to.flagsInHost(false);
    if (r.flagsSeen) {
      if (kind == Shifts.ROL || kind == Shifts.ROR) {
        rotateFlags(to, kind, size, result);
      } else {
        shiftFlags(to, kind, size, count, result);
      }
    }
  }

  /** The host's flags are those of a shift: AF is set, and OF follows the rule for a count of 1. See {@link Shifts}. */
  static void shiftFlags(NativeWriter to, int kind, int size, int count, int result) {
    Assembler a = to.a;
    a.lahf();
    if (count == 1) {
      a.setcc(0, RAX);
    } else if (kind == Shifts.SAR) {
      a.aluConstant(Assembler.AND, 4, RAX, 0xff00);
    } else {
      if (kind == Shifts.SHL) {
        // CF xor SF: bits 8 and 15.
        a.mov(4, RDX, RAX);
        a.shift(Assembler.SHR, 4, RDX, 7);
        a.alu(Assembler.XOR, 4, RDX, RAX);
        a.shift(Assembler.SHR, 4, RDX, NativeFlags.CARRY_BIT);
      } else {
        // The upper bit is clear: the one below it.
        a.mov(size, RDX, result);
        a.shift(Assembler.SHR, size, RDX, 8 * size - 2);
      }
      a.aluConstant(Assembler.AND, 4, RDX, 1);
      a.mov(1, RAX, RDX);
    }
    a.aluConstant(Assembler.OR, 4, RAX, Flags.AF << NativeFlags.CARRY_BIT);
    a.store(4, NativeFrame.slot(NativeFrame.FLAGS), RAX);
  }

  /** CF is the host's; OF follows the rule for a count of 1; the others stay. See {@link Shifts}. */
  private static void rotateFlags(NativeWriter to, int kind, int size, int result) {
    Assembler a = to.a;
    a.setcc(Assembler.CC_C, RAX);
    if (kind == Shifts.ROL) {
      a.mov(size, RDX, result);
      a.shift(Assembler.SHR, size, RDX, 8 * size - 1);
      a.alu(Assembler.XOR, 4, RDX, RAX);
    } else {
      a.mov(size, RDX, result);
      a.shift(Assembler.SHR, size, RDX, 8 * size - 2);
      a.mov(4, RCX, RDX);
      a.shift(Assembler.SHR, 4, RCX, 1);
      a.alu(Assembler.XOR, 4, RDX, RCX);
    }
    a.aluConstant(Assembler.AND, 4, RDX, 1);
    a.store(1, NativeFrame.slot(NativeFrame.FLAGS), RDX);
    carryOfAl(to);
  }

  /** Replaces CF in the flags that are kept by what AL says. */
  private static void carryOfAl(NativeWriter to) {
    Mem ah = NativeFrame.slot(NativeFrame.FLAGS, 1);
    to.a.aluConstant(Assembler.AND, 1, ah, ~Flags.CF);
    to.a.alu(Assembler.OR, 1, ah, RAX);
    to.flagsInHost(false);
  }

  /** CF is the host's, the others stay. */
  static void keepCarryOnly(NativeWriter to, RegionInsn r) {
    if (r.flagsSeen) {
      to.a.setcc(Assembler.CC_C, RAX);
      carryOfAl(to);
    }
    to.flagsInHost(false);
  }

  /** CF and OF are the host's CF, the others stay: after a multiplication. */
  private static void multiplied(NativeWriter to, RegionInsn r) {
    if (r.flagsSeen) {
      to.a.setcc(Assembler.CC_C, RAX);
      to.a.store(1, NativeFrame.slot(NativeFrame.FLAGS), RAX);
      carryOfAl(to);
    }
    to.flagsInHost(false);
  }

  /** MUL of RAX or EAX. */
  static void multiplyWide(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    int size = insn.operandSize;
    int from = source(to, insn, size);
    a.mov(8, RAX, RBX);
    a.group3(Assembler.MUL, size, from);
    a.mov(size, RBX, RAX);
    a.mov(size, RDI, RDX);
    multiplied(to, r);
  }

  /** The r/m operand in a register of the host, RCX where it has none of its own. */
  static int source(NativeWriter to, Insn insn, int size) {
    if (insn.ea == null) {
      return to.get(size, insn.rm, RCX);
    }
    to.read(insn.ea, size);
    to.a.load(size, RCX, ACCESSED);
    return RCX;
  }

  /** IMUL with two or three operands, of 4 or 8 bytes. */
  static void multiply(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    int size = insn.operandSize;
    int from = source(to, insn, size);
    int host = NativeFrame.host(insn.reg);
    int work = host >= 0 ? host : RDX;
    if (r.form == RegionForm.MULTIPLY_CONSTANT) {
      a.imul(size, work, from, insn.immediate);
    } else {
      if (host < 0) {
        a.load(size, RDX, NativeFrame.slot(insn.reg));
      }
      a.imul(size, work, from);
    }
    if (host < 0) {
      a.store(8, NativeFrame.slot(insn.reg), RDX);
    }
    multiplied(to, r);
  }
}
