package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.NativeWriter.ACCESSED;
import static dev.lockstep.softcpu.x64.Assembler.R15;
import static dev.lockstep.softcpu.x64.Assembler.R9;
import static dev.lockstep.softcpu.x64.Assembler.RAX;
import static dev.lockstep.softcpu.x64.Assembler.RBX;
import static dev.lockstep.softcpu.x64.Assembler.RCX;
import static dev.lockstep.softcpu.x64.Assembler.RDI;
import static dev.lockstep.softcpu.x64.Assembler.RDX;

import dev.lockstep.softcpu.x64.Assembler;
import dev.lockstep.softcpu.x64.Assembler.Mem;

/** Moves in translated code: MOV and its relatives, the stack, conditional moves. */
final class NativeMoves {
  /** The host's register of RSP. */
  private static final int STACK_POINTER = R9;

  private NativeMoves() {}

  /** The host's register of an operand, or -1 where it has none of its own. */
  private static int own(int code) {
    return NativeWriter.isHigh(code) ? -1 : NativeFrame.host(code);
  }

  /** MOV r/m, r. */
  static void toPlace(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    int size = RegionAlu.size(r);
    int source = Operand.code(insn, size, insn.reg);
    if (insn.ea == null) {
      to.set(size, Operand.code(insn, size, insn.rm), to.get(size, source, RCX));
      return;
    }
    to.write(insn.ea, size);
    to.a.store(size, ACCESSED, to.get(size, source, RCX));
  }

  /** MOV r, r/m. */
  static void toRegister(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    int size = RegionAlu.size(r);
    int destination = Operand.code(insn, size, insn.reg);
    if (insn.ea == null) {
      int source = Operand.code(insn, size, insn.rm);
      to.set(size, destination, to.get(size, source, RCX));
      return;
    }
    to.read(insn.ea, size);
    int host = own(destination);
    if (host >= 0) {
      to.a.load(size, host, ACCESSED);
    } else {
      to.a.load(size, RCX, ACCESSED);
      to.set(size, destination, RCX);
    }
  }

  /** MOV r/m, imm. */
  static void constantToPlace(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    int size = RegionAlu.size(r);
    if (insn.ea == null) {
      constant(to, size, Operand.code(insn, size, insn.rm), insn.immediate);
      return;
    }
    to.write(insn.ea, size);
    to.a.storeConstant(size, ACCESSED, insn.immediate);
  }

  /** MOV r, imm: B0..BF. */
  static void constantToRegister(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    int size = insn.opcode < 0xb8 ? 1 : insn.operandSize;
    constant(to, size, Operand.code(insn, size, insn.rm), insn.immediate);
  }

  private static void constant(NativeWriter to, int size, int code, long value) {
    long all = size == 4 ? value & RegionCode.LOW32 : value;
    int host = own(code);
    if (host >= 0 && size >= 4) {
      to.a.constant(host, all);
    } else {
      to.a.constant(RCX, all);
      to.set(size, code, RCX);
    }
  }

  /** MOVZX, MOVSX, MOVSXD. */
  static void extend(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    int from = RegionForm.extendedBytes(insn);
    boolean signed = r.form == RegionForm.SIGN_EXTEND;
    int size = insn.operandSize;
    int host = own(insn.reg);
    int work = host >= 0 && size >= 4 ? host : RCX;
    int wide = Math.max(4, size);
    if (insn.ea != null) {
      to.read(insn.ea, from);
      if (signed) {
        a.movsx(wide, from, work, ACCESSED);
      } else {
        a.movzx(from, work, ACCESSED);
      }
    } else {
      int source = to.get(from, Operand.code(insn, from, insn.rm), RCX);
      if (signed) {
        a.movsx(wide, from, work, source);
      } else {
        a.movzx(from, work, source);
      }
    }
    if (work != host) {
      to.set(size, insn.reg, work);
    }
  }

  /** LEA. */
  static void address(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Ea ea = insn.memory();
    int size = insn.operandSize;
    int host = own(insn.reg);
    boolean direct = host >= 0 && size == 8 && inHost(ea.base) && inHost(ea.index);
    if (direct && (ea.base != Cpu.ZERO || ea.index != insn.reg)) {
      to.offset(ea, host);
    } else {
      to.offset(ea, RAX);
      if (host < 0 && size == 4) {
        to.a.mov(4, RAX, RAX);
      }
      to.set(size, insn.reg, RAX);
    }
  }

  private static boolean inHost(int register) {
    return register == Cpu.ZERO || NativeFrame.host(register) >= 0;
  }

  /** PUSH of a register or a constant, of 8 bytes. */
  static void push(NativeWriter to, RegionInsn r) {
    pushSpace(to);
    if (r.form == RegionForm.PUSH_REGISTER) {
      to.a.store(8, ACCESSED, to.whole(r.insn.rm, RCX));
    } else {
      to.a.storeConstant(8, ACCESSED, r.insn.immediate);
    }
    pushed(to);
  }

  /** Makes the 8 bytes below the stack pointer ready to be stored to. */
  static void pushSpace(NativeWriter to) {
    to.a.lea(8, RAX, Mem.of(STACK_POINTER, -8));
    to.access(NativeFrame.STORES, 8);
  }

  static void pushed(NativeWriter to) {
    to.a.lea(8, STACK_POINTER, Mem.of(STACK_POINTER, -8));
  }

  /** Makes the 8 bytes at the stack pointer ready to be loaded. */
  static void top(NativeWriter to) {
    to.a.mov(8, RAX, STACK_POINTER);
    to.access(NativeFrame.LOADS, 8);
  }

  static void popped(NativeWriter to, int bytes) {
    to.a.lea(8, STACK_POINTER, Mem.of(STACK_POINTER, bytes));
  }

  /** POP of a register of 8 bytes. */
  static void pop(NativeWriter to, RegionInsn r) {
    top(to);
    to.a.load(8, RCX, ACCESSED);
    popped(to, 8);
    to.set(8, r.insn.rm, RCX);
  }

  /** CMOVcc of 4 or 8 bytes: the source is always read, and a 32-bit destination always cut. */
  static void conditional(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    int size = insn.operandSize;
    int cc = insn.opcode & 15;
    int from = NativeAlu.source(to, insn, size);
    to.needFlags();
    int host = own(insn.reg);
    if (host >= 0) {
      to.a.cmov(cc, size, host, from);
    } else {
      Mem slot = NativeFrame.slot(insn.reg);
      to.a.load(size, RDX, slot);
      to.a.cmov(cc, size, RDX, from);
      to.a.store(8, slot, RDX);
    }
  }

  /** SETcc. */
  static void setCondition(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    int cc = insn.opcode & 15;
    if (insn.ea != null) {
      to.write(insn.ea, 1);
      to.a.mov(8, RCX, RAX);
      to.needFlags();
      to.a.setcc(cc, Mem.sum(RCX, R15));
      return;
    }
    int code = Operand.code(insn, 1, insn.rm);
    to.needFlags();
    int host = own(code);
    if (host >= 0) {
      to.a.setcc(cc, host);
    } else {
      to.a.setcc(cc, RCX);
      to.set(1, code, RCX);
    }
  }

  /** CBW, CWDE, CDQE. */
  static void extendAccumulator(NativeWriter to, RegionInsn r) {
    int size = r.insn.operandSize;
    to.a.movsx(size, size / 2, RBX, RBX);
  }

  /** CWD, CDQ, CQO. */
  static void extendToPair(NativeWriter to, RegionInsn r) {
    int size = r.insn.operandSize;
    if (size == 2) {
      to.a.movsx(4, 2, RCX, RBX);
    } else {
      to.a.mov(size, RCX, RBX);
    }
    to.a.shift(Assembler.SAR, Math.max(4, size), RCX, size == 8 ? 63 : 31);
    to.flagsInHost(false);
    to.a.mov(size, RDI, RCX);
  }

  /** BSWAP of 4 or 8 bytes. */
  static void byteSwap(NativeWriter to, RegionInsn r) {
    int size = r.insn.operandSize;
    int host = own(r.insn.rm);
    if (host >= 0) {
      to.a.bswap(size, host);
    } else {
      to.a.load(size, RCX, NativeFrame.slot(r.insn.rm));
      to.a.bswap(size, RCX);
      to.a.store(8, NativeFrame.slot(r.insn.rm), RCX);
    }
  }

  /** XCHG with ModRM. */
  static void exchange(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    int size = RegionAlu.size(r);
    int register = Operand.code(insn, size, insn.reg);
    if (insn.ea != null) {
      to.write(insn.ea, size);
      to.a.load(size, RCX, ACCESSED);
      to.a.store(size, ACCESSED, to.get(size, register, RDX));
      to.set(size, register, RCX);
    } else {
      int place = Operand.code(insn, size, insn.rm);
      NativeAlu.copy(to, size, place, RCX);
      NativeAlu.copy(to, size, register, RDX);
      to.set(size, place, RDX);
      to.set(size, register, RCX);
    }
  }
}
