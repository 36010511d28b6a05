package dev.lockstep.softcpu;

import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;

import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;

/** Moves in translated code: MOV and its relatives, the stack, conditional moves. */
final class RegionMoves {
  private RegionMoves() {}

  /** MOV r/m, r. */
  static void toPlace(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    int size = RegionAlu.size(r);
    int source = Operand.code(insn, size, insn.reg);
    if (insn.ea == null) {
      to.get(size, source);
      to.set(size, Operand.code(insn, size, insn.rm));
      return;
    }
    int address = to.addressLocal(insn.ea);
    int value = to.local(size);
    to.get(size, source);
    to.storeLocal(size, value);
    to.store(size, address, value);
  }

  /** MOV r, r/m. */
  static void toRegister(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    int size = RegionAlu.size(r);
    read(to, insn, size);
    to.set(size, Operand.code(insn, size, insn.reg));
  }

  /** Pushes the r/m operand. */
  private static void read(RegionCode to, Insn insn, int size) {
    if (insn.ea == null) {
      to.get(size, Operand.code(insn, size, insn.rm));
    } else {
      to.load(size, to.addressLocal(insn.ea));
    }
  }

  /** MOV r/m, imm. */
  static void constantToPlace(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    int size = RegionAlu.size(r);
    if (insn.ea == null) {
      to.constant(size, insn.immediate);
      to.set(size, Operand.code(insn, size, insn.rm));
      return;
    }
    int address = to.addressLocal(insn.ea);
    int value = to.local(size);
    to.constant(size, insn.immediate);
    to.storeLocal(size, value);
    to.store(size, address, value);
  }

  /** MOV r, imm: B0..BF. */
  static void constantToRegister(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    int size = insn.opcode < 0xb8 ? 1 : insn.operandSize;
    to.constant(size, insn.immediate);
    to.set(size, Operand.code(insn, size, insn.rm));
  }

  /** MOVZX, MOVSX, MOVSXD. */
  static void extend(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    int from = RegionForm.extendedBytes(insn);
    boolean signed = r.form == RegionForm.SIGN_EXTEND;
    CodeBuilder code = to.code;
    read(to, insn, from);
    int size = insn.operandSize;
    if (!signed) {
      code.loadConstant(from == 1 ? 0xff : 0xffff).iand();
    }
    if (size == 8) {
      code.i2l();
    }
    to.set(size, insn.reg);
  }

  /** LEA. */
  static void address(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    to.offset(insn.memory());
    to.narrow(insn.operandSize);
    to.set(insn.operandSize, insn.reg);
  }

  /** PUSH of a register or a constant, of 8 bytes. */
  static void push(RegionCode to, RegionInsn r) {
    int value = to.local(8);
    if (r.form == RegionForm.PUSH_REGISTER) {
      to.get64(r.insn.rm);
    } else {
      to.constant(8, r.insn.immediate);
    }
    to.code.lstore(value);
    pushLocal(to, value);
  }

  /** Pushes what is in a local onto the guest's stack. */
  static void pushLocal(RegionCode to, int value) {
    int address = to.local(8);
    to.get64(4);
    to.code.loadConstant(-8L).ladd().lstore(address);
    to.store(8, address, value);
    to.code.lload(address);
    to.set64(4);
  }

  /** POP of a register of 8 bytes. */
  static void pop(RegionCode to, RegionInsn r) {
    int address = to.local(8);
    to.get64(4);
    to.code.lstore(address);
    to.load(8, address);
    to.code.lload(address).loadConstant(8L).ladd();
    to.set64(4);
    to.set64(r.insn.rm);
  }

  /** CMOVcc of 4 or 8 bytes: the source is always read, and a 32-bit destination always cut. */
  static void conditional(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    int size = insn.operandSize;
    CodeBuilder code = to.code;
    int value = to.local(size);
    RegionAlu.place(to, insn.ea, size, insn.rm, value);
    Label not = code.newLabel();
    RegionConditions.push(to, r);
    code.ifeq(not);
    to.loadLocal(size, value);
    to.set(size, insn.reg);
    code.labelBinding(not);
    if (size == 4) {
      to.get64(insn.reg);
      code.loadConstant(RegionCode.LOW32).land();
      to.set64(insn.reg);
    }
  }

  /** SETcc. */
  static void setCondition(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    if (insn.ea == null) {
      RegionConditions.push(to, r);
      to.set(1, Operand.code(insn, 1, insn.rm));
      return;
    }
    int address = to.addressLocal(insn.ea);
    int value = to.local(1);
    RegionConditions.push(to, r);
    to.storeLocal(1, value);
    to.store(1, address, value);
  }

  /** CBW, CWDE, CDQE. */
  static void extendAccumulator(RegionCode to, RegionInsn r) {
    int size = r.insn.operandSize;
    to.get(size / 2, 0);
    if (size == 8) {
      to.code.i2l();
    }
    to.set(size, 0);
  }

  /** CWD, CDQ, CQO. */
  static void extendToPair(RegionCode to, RegionInsn r) {
    int size = r.insn.operandSize;
    to.get(size, 0);
    if (size == 8) {
      to.code.loadConstant(63).lshr();
    } else {
      to.code.loadConstant(31).ishr();
    }
    to.set(size, 2);
  }

  /** BSWAP of 4 or 8 bytes. */
  static void byteSwap(RegionCode to, RegionInsn r) {
    int size = r.insn.operandSize;
    ClassDesc type = size == 8 ? CD_long : CD_int;
    to.get(size, r.insn.rm);
    to.code.invokestatic(
        RegionCode.describe(size == 8 ? Long.class : Integer.class),
        "reverseBytes",
        MethodTypeDesc.of(type, type));
    to.set(size, r.insn.rm);
  }

  /** XCHG with ModRM. */
  static void exchange(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    int size = RegionAlu.size(r);
    int register = Operand.code(insn, size, insn.reg);
    int theirs = to.local(size);
    int ours = to.local(size);
    if (insn.ea == null) {
      int place = Operand.code(insn, size, insn.rm);
      to.get(size, place);
      to.storeLocal(size, theirs);
      to.get(size, register);
      to.set(size, place);
    } else {
      int address = to.addressLocal(insn.ea);
      to.loadForWrite(size, address);
      to.storeLocal(size, theirs);
      to.get(size, register);
      to.storeLocal(size, ours);
      to.store(size, address, ours);
    }
    to.loadLocal(size, theirs);
    to.set(size, register);
  }
}
