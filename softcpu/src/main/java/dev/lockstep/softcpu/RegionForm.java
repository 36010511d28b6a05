package dev.lockstep.softcpu;

import dev.lockstep.softcpu.RegionInsn.FlagEffect;

/** The instructions that are translated, by how; everything else is {@link #CALLED}. Forms of 64-bit code. */
enum RegionForm {
  NOP,
  MOVE_TO_PLACE,
  MOVE_TO_REGISTER,
  CONSTANT_TO_PLACE,
  CONSTANT_TO_REGISTER,
  ZERO_EXTEND,
  SIGN_EXTEND,
  ADDRESS,
  ALU_PLACE_REGISTER,
  ALU_REGISTER_PLACE,
  ALU_ACCUMULATOR,
  ALU_PLACE_CONSTANT,
  INCREMENT,
  DECREMENT,
  NOT,
  NEGATE,
  MULTIPLY_WIDE,
  MULTIPLY,
  MULTIPLY_CONSTANT,
  SHIFT,
  PUSH_REGISTER,
  PUSH_CONSTANT,
  POP_REGISTER,
  CONDITIONAL_MOVE,
  SET_CONDITION,
  EXTEND_ACCUMULATOR,
  EXTEND_TO_PAIR,
  BYTE_SWAP,
  EXCHANGE,
  /** By a call of its operation. */
  CALLED,
  CONDITIONAL_BRANCH,
  JUMP,
  CALL,
  RETURN,
  JUMP_INDIRECT,
  CALL_INDIRECT;

  /** The form of an instruction that stands inside a block or ends one with a near transfer. */
  static RegionForm of(Insn insn, Op op) {
    if (op == UnaryOps.Nop.NOP) {
      return NOP;
    }
    int opcode = insn.opcode;
    if (opcode >= 0x100) {
      return twoByte(insn, opcode);
    }
    if (opcode < 0x40) {
      return switch (opcode & 7) {
        case 0, 1 -> ALU_PLACE_REGISTER;
        case 2, 3 -> ALU_REGISTER_PLACE;
        case 4, 5 -> ALU_ACCUMULATOR;
        default -> CALLED;
      };
    }
    return switch (opcode >> 3) {
      case 0xa -> insn.operandSize == 8 ? PUSH_REGISTER : CALLED;
      case 0xb -> insn.operandSize == 8 ? POP_REGISTER : CALLED;
      case 0xe, 0xf -> CONDITIONAL_BRANCH;
      case 0x16, 0x17 -> CONSTANT_TO_REGISTER;
      default -> one(insn, opcode);
    };
  }

  private static RegionForm one(Insn insn, int opcode) {
    return switch (opcode) {
      case 0x63 -> SIGN_EXTEND;
      case 0x68, 0x6a -> insn.operandSize == 8 ? PUSH_CONSTANT : CALLED;
      case 0x69, 0x6b -> insn.operandSize >= 4 ? MULTIPLY_CONSTANT : CALLED;
      case 0x80, 0x81, 0x83 -> ALU_PLACE_CONSTANT;
      case 0x84, 0x85 -> ALU_PLACE_REGISTER;
      case 0x86, 0x87 -> EXCHANGE;
      case 0x88, 0x89 -> MOVE_TO_PLACE;
      case 0x8a, 0x8b -> MOVE_TO_REGISTER;
      case 0x8d -> ADDRESS;
      case 0x98 -> EXTEND_ACCUMULATOR;
      case 0x99 -> EXTEND_TO_PAIR;
      case 0xa8, 0xa9 -> ALU_ACCUMULATOR;
      case 0xc0, 0xc1, 0xd0, 0xd1 -> shift(insn);
      case 0xc2, 0xc3 -> RETURN;
      case 0xc6, 0xc7 -> CONSTANT_TO_PLACE;
      case 0xe8 -> CALL;
      case 0xe9, 0xeb -> JUMP;
      case 0xf6, 0xf7 -> group3(insn);
      case 0xfe, 0xff -> group5(insn);
      default -> CALLED;
    };
  }

  private static RegionForm twoByte(Insn insn, int opcode) {
    return switch (opcode >> 4) {
      case 0x14 -> insn.operandSize >= 4 ? CONDITIONAL_MOVE : CALLED;
      case 0x18 -> CONDITIONAL_BRANCH;
      case 0x19 -> SET_CONDITION;
      default ->
          switch (opcode) {
            case 0x1af -> insn.operandSize >= 4 ? MULTIPLY : CALLED;
            case 0x1b6, 0x1b7 -> ZERO_EXTEND;
            case 0x1be, 0x1bf -> SIGN_EXTEND;
            case 0x1c8, 0x1c9, 0x1ca, 0x1cb, 0x1cc, 0x1cd, 0x1ce, 0x1cf ->
                insn.operandSize >= 4 ? BYTE_SWAP : CALLED;
            default -> CALLED;
          };
    };
  }

  /** Group 2 by a constant that does shift, of whole registers: not through the carry. */
  private static RegionForm shift(Insn insn) {
    int size = (insn.opcode & 1) == 0 ? 1 : insn.operandSize;
    boolean through = insn.extension == Shifts.RCL || insn.extension == Shifts.RCR;
    return size < 4 || through || shiftCount(insn) == 0 ? CALLED : SHIFT;
  }

  /** The count of a shift by a constant, masked. */
  static int shiftCount(Insn insn) {
    int count = insn.opcode < 0xd0 ? (int) insn.immediate : 1;
    return count & (insn.operandSize == 8 ? 63 : 31);
  }

  /** Bytes of what {@link #ZERO_EXTEND} and {@link #SIGN_EXTEND} take. */
  static int extendedBytes(Insn insn) {
    return switch (insn.opcode) {
      case 0x63 -> Math.min(4, insn.operandSize);
      case 0x1b6, 0x1be -> 1;
      default -> 2;
    };
  }

  private static RegionForm group3(Insn insn) {
    boolean whole = (insn.opcode & 1) != 0 && insn.operandSize >= 4;
    return switch (insn.extension) {
      case 0, 1 -> ALU_PLACE_CONSTANT;
      case 2 -> NOT;
      case 3 -> NEGATE;
      case 4 -> whole ? MULTIPLY_WIDE : CALLED;
      default -> CALLED;
    };
  }

  private static RegionForm group5(Insn insn) {
    return switch (insn.extension) {
      case 0 -> INCREMENT;
      case 1 -> DECREMENT;
      case 2 -> CALL_INDIRECT;
      case 4 -> JUMP_INDIRECT;
      default -> CALLED;
    };
  }

  /** It ends its block. */
  boolean isTransfer() {
    return compareTo(CONDITIONAL_BRANCH) >= 0;
  }

  FlagEffect effect(Insn insn) {
    return switch (this) {
      case ALU_PLACE_REGISTER, ALU_REGISTER_PLACE, ALU_ACCUMULATOR, ALU_PLACE_CONSTANT, NEGATE ->
          FlagEffect.SETS;
      case SHIFT -> insn.extension < Shifts.SHL ? FlagEffect.CHANGES : FlagEffect.SETS;
      case INCREMENT, DECREMENT, MULTIPLY_WIDE, MULTIPLY, MULTIPLY_CONSTANT -> FlagEffect.CHANGES;
      case CONDITIONAL_MOVE, SET_CONDITION, CONDITIONAL_BRANCH -> FlagEffect.READS;
      case CALLED -> FlagEffect.ANY;
      default -> FlagEffect.NONE;
    };
  }

  boolean mayRaise(Insn insn) {
    return switch (this) {
      case CALLED,
          PUSH_REGISTER,
          PUSH_CONSTANT,
          POP_REGISTER,
          CALL,
          RETURN,
          JUMP_INDIRECT,
          CALL_INDIRECT ->
          true;
      case NOP, ADDRESS -> false;
      default -> insn.ea != null;
    };
  }
}
