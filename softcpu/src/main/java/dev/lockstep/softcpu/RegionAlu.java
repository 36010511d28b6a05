package dev.lockstep.softcpu;

import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;

import java.lang.classfile.CodeBuilder;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import org.jspecify.annotations.Nullable;

/** Arithmetic and logic in translated code. */
final class RegionAlu {
  private static final ClassDesc ALU = RegionCode.describe(Alu.class);
  private static final ClassDesc SHIFTS = RegionCode.describe(Shifts.class);
  private static final ClassDesc MATH = RegionCode.describe(Math.class);
  private static final MethodTypeDesc LONGS3 =
      MethodTypeDesc.of(CD_long, CD_long, CD_long, CD_long);
  private static final MethodTypeDesc INTS4 =
      MethodTypeDesc.of(CD_long, CD_int, CD_int, CD_int, CD_int);
  private static final MethodTypeDesc LONGS2 = MethodTypeDesc.of(CD_long, CD_long, CD_long);

  private RegionAlu() {}

  /** The operation's number in {@link Alu}; INC and DEC are ADD and SUB, NEG is SUB. Meaningless for others. */
  static int kind(RegionInsn insn) {
    int opcode = insn.insn.opcode;
    return switch (insn.form) {
      case ALU_PLACE_CONSTANT -> opcode >= 0xf6 ? Alu.TEST : insn.insn.extension;
      case ALU_ACCUMULATOR, ALU_PLACE_REGISTER, ALU_REGISTER_PLACE ->
          opcode < 0x40 ? opcode >> 3 : Alu.TEST;
      case INCREMENT -> Alu.ADD;
      case DECREMENT, NEGATE -> Alu.SUB;
      default -> -1;
    };
  }

  /** Bytes of a form whose lowest opcode bit tells bytes from the rest. */
  static int size(RegionInsn insn) {
    return (insn.insn.opcode & 1) == 0 ? 1 : insn.insn.operandSize;
  }

  /** The nine operations of two operands, INC, DEC and NEG. */
  static void arithmetic(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    int size = size(r);
    int kind = kind(r);
    boolean stores = kind != Alu.CMP && kind != Alu.TEST;
    int reg = Operand.code(insn, size, insn.reg);
    int rm = insn.ea == null ? Operand.code(insn, size, insn.rm) : -1;
    r.a = to.local(size);
    r.b = to.local(size);
    r.result = to.local(size);
    int address = -1;
    switch (r.form) {
      case ALU_REGISTER_PLACE -> {
        place(to, insn.ea, size, rm, r.b);
        to.get(size, reg);
        to.storeLocal(size, r.a);
      }
      case ALU_ACCUMULATOR -> {
        to.get(size, 0);
        to.storeLocal(size, r.a);
        to.constant(size, insn.immediate);
        to.storeLocal(size, r.b);
      }
      default -> {
        if (insn.ea != null && stores) {
          address = to.addressLocal(insn.ea);
          to.loadForWrite(size, address);
          to.storeLocal(size, r.form == RegionForm.NEGATE ? r.b : r.a);
        } else {
          place(to, insn.ea, size, rm, r.form == RegionForm.NEGATE ? r.b : r.a);
        }
        second(to, r, size, reg);
      }
    }
    compute(to, kind, size, r);
    if (r.flagsSeen) {
      flags(to, r);
    }
    if (!stores) {
      return;
    }
    if (address >= 0) {
      to.store(size, address, r.result);
      return;
    }
    to.loadLocal(size, r.result);
    to.set(
        size,
        switch (r.form) {
          case ALU_REGISTER_PLACE -> reg;
          case ALU_ACCUMULATOR -> 0;
          default -> rm;
        });
  }

  /** The operand that is not the place. */
  private static void second(RegionCode to, RegionInsn r, int size, int reg) {
    switch (r.form) {
      case ALU_PLACE_REGISTER -> to.get(size, reg);
      case ALU_PLACE_CONSTANT -> to.constant(size, r.insn.immediate);
      case NEGATE -> to.constant(size, 0);
      default -> to.constant(size, 1);
    }
    to.storeLocal(size, r.form == RegionForm.NEGATE ? r.a : r.b);
  }

  /** Reads a place into a local. */
  static void place(RegionCode to, @Nullable Ea ea, int size, int register, int local) {
    if (ea == null) {
      to.get(size, register);
    } else {
      int address = to.addressLocal(ea);
      to.load(size, address);
    }
    to.storeLocal(size, local);
  }

  private static void compute(RegionCode to, int kind, int size, RegionInsn r) {
    CodeBuilder code = to.code;
    to.loadLocal(size, r.a);
    to.loadLocal(size, r.b);
    boolean wide = size == 8;
    switch (kind) {
      case Alu.ADD, Alu.ADC -> {
        if (wide) {
          code.ladd();
        } else {
          code.iadd();
        }
      }
      case Alu.OR -> {
        if (wide) {
          code.lor();
        } else {
          code.ior();
        }
      }
      case Alu.AND, Alu.TEST -> {
        if (wide) {
          code.land();
        } else {
          code.iand();
        }
      }
      case Alu.XOR -> {
        if (wide) {
          code.lxor();
        } else {
          code.ixor();
        }
      }
      default -> {
        if (wide) {
          code.lsub();
        } else {
          code.isub();
        }
      }
    }
    if (kind == Alu.ADC || kind == Alu.SBB) {
      code.lload(to.flagAux).loadConstant(63).lushr();
      if (!wide) {
        code.l2i();
      }
      if (kind == Alu.ADC) {
        if (wide) {
          code.ladd();
        } else {
          code.iadd();
        }
      } else if (wide) {
        code.lsub();
      } else {
        code.isub();
      }
    }
    if (size == 1) {
      code.i2b();
    } else if (size == 2) {
      code.i2s();
    }
    to.storeLocal(size, r.result);
  }

  /** Sets the flags of an operation whose operands and result are in its locals. */
  static void flags(RegionCode to, RegionInsn r) {
    CodeBuilder code = to.code;
    int size = size(r);
    int kind = kind(r);
    to.loadLocal(size, r.result);
    if (size != 8) {
      code.i2l();
    }
    code.lstore(to.flagResult);
    String name =
        switch (kind) {
          case Alu.ADD, Alu.ADC -> "auxAdd";
          case Alu.SUB, Alu.SBB, Alu.CMP -> "auxSub";
          default -> "";
        };
    if (name.isEmpty()) {
      code.lconst_0().lstore(to.flagAux);
      return;
    }
    to.loadLocal(size, r.a);
    to.loadLocal(size, r.b);
    to.loadLocal(size, r.result);
    if (size == 8) {
      code.invokestatic(ALU, name + "64", LONGS3);
    } else {
      code.loadConstant(64 - 8 * size);
      code.invokestatic(ALU, name, INTS4);
    }
    if (r.form == RegionForm.INCREMENT || r.form == RegionForm.DECREMENT) {
      code.lload(to.flagAux);
      to.helper("keepCarry", LONGS2);
    }
    code.lstore(to.flagAux);
  }

  /** NOT. */
  static void not(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    int size = size(r);
    int value = to.local(size);
    if (insn.ea != null) {
      int address = to.addressLocal(insn.ea);
      to.loadForWrite(size, address);
      invert(to, size);
      to.storeLocal(size, value);
      to.store(size, address, value);
    } else {
      int register = Operand.code(insn, size, insn.rm);
      to.get(size, register);
      invert(to, size);
      to.set(size, register);
    }
  }

  private static void invert(RegionCode to, int size) {
    to.constant(size, -1);
    if (size == 8) {
      to.code.lxor();
    } else {
      to.code.ixor();
    }
  }

  /** Shifts and rotates by a constant, of 4 or 8 bytes. */
  static void shift(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    CodeBuilder code = to.code;
    int size = size(r);
    int n = RegionForm.shiftCount(insn);
    int value = to.local(size);
    int result = to.local(size);
    int address = -1;
    if (insn.ea != null) {
      address = to.addressLocal(insn.ea);
      to.loadForWrite(size, address);
      to.storeLocal(size, value);
    } else {
      place(to, null, size, insn.rm, value);
    }
    int kind = insn.extension == 6 ? Shifts.SHL : insn.extension;
    to.loadLocal(size, value);
    code.loadConstant(n);
    shifted(code, kind, size);
    to.storeLocal(size, result);
    if (r.flagsSeen) {
      shiftFlags(to, kind, size, n, value, result);
    }
    if (address >= 0) {
      to.store(size, address, result);
    } else {
      to.loadLocal(size, result);
      to.set(size, insn.rm);
    }
  }

  private static void shifted(CodeBuilder code, int kind, int size) {
    boolean wide = size == 8;
    switch (kind) {
      case Shifts.SHR -> {
        if (wide) {
          code.lushr();
        } else {
          code.iushr();
        }
      }
      case Shifts.SAR -> {
        if (wide) {
          code.lshr();
        } else {
          code.ishr();
        }
      }
      case Shifts.ROL, Shifts.ROR -> {
        String name = kind == Shifts.ROL ? "rotateLeft" : "rotateRight";
        if (wide) {
          code.invokestatic(
              RegionCode.describe(Long.class), name, MethodTypeDesc.of(CD_long, CD_long, CD_int));
        } else {
          code.invokestatic(
              RegionCode.describe(Integer.class), name, MethodTypeDesc.of(CD_int, CD_int, CD_int));
        }
      }
      default -> {
        if (wide) {
          code.lshl();
        } else {
          code.ishl();
        }
      }
    }
  }

  private static void shiftFlags(RegionCode to, int kind, int size, int n, int value, int result) {
    CodeBuilder code = to.code;
    ClassDesc operand = size == 8 ? CD_long : CD_int;
    int bits = 8 * size;
    switch (kind) {
      case Shifts.ROL, Shifts.ROR -> {
        code.lload(to.flagAux);
        to.loadLocal(size, result);
        code.invokestatic(
            SHIFTS,
            (kind == Shifts.ROL ? "auxRol" : "auxRor") + bits,
            MethodTypeDesc.of(CD_long, CD_long, operand));
        code.lstore(to.flagAux);
        return;
      }
      case Shifts.SAR -> {
        to.loadLocal(size, value);
        if (size != 8) {
          code.i2l();
        }
        code.loadConstant(n)
            .invokestatic(SHIFTS, "auxSar", MethodTypeDesc.of(CD_long, CD_long, CD_int));
      }
      default -> {
        to.loadLocal(size, value);
        code.loadConstant(n);
        to.loadLocal(size, result);
        code.invokestatic(
            SHIFTS,
            (kind == Shifts.SHR ? "auxShr" : "auxShl") + bits,
            MethodTypeDesc.of(CD_long, operand, CD_int, operand));
      }
    }
    code.lstore(to.flagAux);
    to.loadLocal(size, result);
    if (size != 8) {
      code.i2l();
    }
    code.lstore(to.flagResult);
  }

  /** MUL of RAX or EAX. */
  static void multiplyWide(RegionCode to, RegionInsn r) {
    CodeBuilder code = to.code;
    int size = r.insn.operandSize;
    int b = to.local(size);
    int high = to.local(8);
    place(to, r.insn.ea, size, r.insn.rm, b);
    if (size == 8) {
      to.get64(0);
      code.lload(b).invokestatic(MATH, "unsignedMultiplyHigh", LONGS2).lstore(high);
      to.get64(0);
      code.lload(b).lmul();
      to.set64(0);
    } else {
      int product = to.local(8);
      to.get64(0);
      code.loadConstant(RegionCode.LOW32).land();
      to.loadLocal(4, b);
      to.zeroExtend();
      code.lmul().lstore(product);
      code.lload(product).loadConstant(32).lushr().lstore(high);
      code.lload(product).loadConstant(RegionCode.LOW32).land();
      to.set64(0);
    }
    code.lload(high);
    to.set64(2);
    if (r.flagsSeen) {
      code.lload(high).lload(to.flagAux);
      to.helper("multiplied", LONGS2);
      code.lstore(to.flagAux);
    }
  }

  /** IMUL with two or three operands, of 4 or 8 bytes. */
  static void multiply(RegionCode to, RegionInsn r) {
    Insn insn = r.insn;
    CodeBuilder code = to.code;
    int size = insn.operandSize;
    int a = to.local(size);
    int b = to.local(size);
    place(to, insn.ea, size, insn.rm, b);
    if (r.form == RegionForm.MULTIPLY) {
      to.get(size, insn.reg);
    } else {
      to.constant(size, insn.immediate);
    }
    to.storeLocal(size, a);
    if (size == 8) {
      code.lload(a).lload(b).lmul();
      to.set64(insn.reg);
      if (r.flagsSeen) {
        code.lload(a).lload(b).lload(to.flagAux);
        to.helper("multiplied64", LONGS3);
        code.lstore(to.flagAux);
      }
      return;
    }
    int product = to.local(8);
    code.iload(a).i2l().iload(b).i2l().lmul().lstore(product);
    code.lload(product).loadConstant(RegionCode.LOW32).land();
    to.set64(insn.reg);
    if (r.flagsSeen) {
      code.lload(product).lload(to.flagAux);
      to.helper("multiplied32", LONGS2);
      code.lstore(to.flagAux);
    }
  }
}
