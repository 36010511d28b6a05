package dev.lockstep.softcpu;

import static java.lang.constant.ConstantDescs.CD_boolean;
import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;

import java.lang.constant.MethodTypeDesc;

/** Conditions of Jcc, SETcc and CMOVcc in translated code: of the flags, or of the operands of the comparison that set them. */
final class RegionConditions {
  private static final MethodTypeDesc OF_LONGS = MethodTypeDesc.of(CD_boolean, CD_long, CD_long);
  private static final MethodTypeDesc OF_INTS = MethodTypeDesc.of(CD_boolean, CD_int, CD_int);

  private RegionConditions() {}

  /** Whether a condition follows from the operands or the result of an instruction that sets all flags. */
  static boolean canTake(RegionInsn setter, int cc) {
    if (setter.form == RegionForm.SHIFT) {
      return false;
    }
    return switch (RegionAlu.kind(setter)) {
      case Alu.SUB, Alu.CMP ->
          switch (cc >> 1) {
            case 0, 5 -> false;
            default -> true;
          };
      case Alu.AND, Alu.TEST, Alu.OR, Alu.XOR -> cc >> 1 == 2 || cc >> 1 == 4 || cc >> 1 >= 6;
      case Alu.ADD -> cc >> 1 == 1 || cc >> 1 == 2 || cc >> 1 == 4;
      default -> cc >> 1 == 2 || cc >> 1 == 4;
    };
  }

  /** Pushes 1 where the condition of an instruction holds, else 0; where the condition code is odd, the other way round. */
  static void pushEven(RegionCode to, RegionInsn insn) {
    int cc = insn.insn.opcode & 15;
    RegionInsn setter = insn.provider;
    if (setter == null) {
      to.code.lload(to.flagResult).lload(to.flagAux);
      String name =
          switch (cc >> 1) {
            case 0 -> "overflow";
            case 1 -> "carry";
            case 2 -> "zero";
            case 3 -> "carryOrZero";
            case 4 -> "sign";
            case 5 -> "parity";
            case 6 -> "signIsNotOverflow";
            default -> "zeroOrSignIsNotOverflow";
          };
      to.helper(name, OF_LONGS);
      return;
    }
    int size = RegionAlu.size(setter);
    int kind = RegionAlu.kind(setter);
    boolean compared = kind == Alu.SUB || kind == Alu.CMP;
    MethodTypeDesc type = size == 8 ? OF_LONGS : OF_INTS;
    switch (cc >> 1) {
      case 1 -> {
        to.loadLocal(size, compared ? setter.a : setter.result);
        to.loadLocal(size, compared ? setter.b : setter.a);
        to.helper("below", type);
      }
      case 2 -> pair(to, setter, size, compared, "equal");
      case 3 -> {
        to.loadLocal(size, setter.a);
        to.loadLocal(size, setter.b);
        to.helper("belowOrEqual", type);
      }
      case 4 -> pair(to, setter, size, false, "less");
      case 6 -> pair(to, setter, size, compared, "less");
      default -> pair(to, setter, size, compared, "lessOrEqual");
    }
  }

  /** Compares the two operands, or the result with zero. */
  private static void pair(
      RegionCode to, RegionInsn setter, int size, boolean compared, String name) {
    if (compared) {
      to.loadLocal(size, setter.a);
      to.loadLocal(size, setter.b);
    } else {
      to.loadLocal(size, setter.result);
      to.constant(size, 0);
    }
    to.helper(name, size == 8 ? OF_LONGS : OF_INTS);
  }

  /** Pushes 1 where the condition of an instruction holds, else 0. */
  static void push(RegionCode to, RegionInsn insn) {
    pushEven(to, insn);
    if ((insn.insn.opcode & 1) != 0) {
      to.code.iconst_1().ixor();
    }
  }
}
