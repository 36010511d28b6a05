package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;

/** From {@link Insn} to {@link Op}: the one-byte opcode map, and the way to the other makers. */
final class OpDecode {
  private OpDecode() {}

  /** The operation of a completely decoded instruction. */
  static Op decode(Insn insn) {
    int opcode = insn.opcode;
    int flags = OpcodeTable.flags(opcode);
    boolean undefined =
        (flags & OpcodeTable.UNDEFINED) != 0
            || (flags & OpcodeTable.NO64) != 0 && insn.is64()
            || insn.lock && !lockable(insn);
    if (undefined) {
      return UndefinedOp.UD;
    }
    if ((flags & OpcodeTable.SYSTEM) != 0) {
      return SystemDecode.decode(insn);
    }
    if ((flags & OpcodeTable.FP) != 0) {
      return FpDecode.decode(insn);
    }
    if (opcode >= 0x100) {
      return OpDecode0F.decode(insn);
    }
    return opcode < 0x40 ? arithmetic(insn) : opcode < 0xc0 ? middle(insn) : last(insn);
  }

  /** Whether LOCK is allowed: a memory destination of the operations that the manual lists (Intel SDM vol. 2A, LOCK). */
  private static boolean lockable(Insn insn) {
    if (insn.ea == null) {
      return false;
    }
    int opcode = insn.opcode;
    int extension = insn.extension;
    if (opcode < 0x38) {
      return (opcode & 7) < 2;
    }
    return switch (opcode) {
      case 0x80, 0x81, 0x82, 0x83 -> extension != 7;
      case 0x86, 0x87, 0x1ab, 0x1b0, 0x1b1, 0x1b3, 0x1bb, 0x1c0, 0x1c1 -> true;
      case 0xf6, 0xf7 -> extension == 2 || extension == 3;
      case 0xfe, 0xff -> extension < 2;
      case 0x1ba -> extension > 4;
      case 0x1c7 -> extension == 1;
      default -> false;
    };
  }

  /** Operand size of a form whose lowest opcode bit tells bytes from the rest. */
  private static int size(Insn insn) {
    return (insn.opcode & 1) == 0 ? 1 : insn.operandSize;
  }

  /** 00..3F. */
  private static Op arithmetic(Insn insn) {
    int kind = insn.opcode >> 3;
    return switch (insn.opcode & 7) {
      case 0, 1 -> AluOps.placeRegister(insn, kind, size(insn));
      case 2, 3 -> AluOps.registerPlace(insn, kind, size(insn));
      case 4, 5 -> AluOps.accumulatorImmediate(insn, kind, size(insn));
      default ->
          switch (insn.opcode) {
            case 0x27 -> new BcdOps.DecimalAdjust(false);
            case 0x2f -> new BcdOps.DecimalAdjust(true);
            case 0x37 -> new BcdOps.AsciiAdjust(false);
            case 0x3f -> new BcdOps.AsciiAdjust(true);
            default -> StackOps.pushSegment(insn);
          };
    };
  }

  /** 40..BF. */
  private static Op middle(Insn insn) {
    int opcode = insn.opcode;
    int size = insn.operandSize;
    return switch (opcode >> 3) {
      case 0x8 -> UnaryOps.incrementRegister(insn, size, opcode & 7);
      case 0x9 -> UnaryOps.decrementRegister(insn, size, opcode & 7);
      case 0xa -> StackOps.pushRegister(insn, insn.rm);
      case 0xb -> StackOps.popRegister(insn, insn.rm);
      case 0xe, 0xf -> BranchOps.conditional(insn, opcode & 15);
      case 0x12 -> exchange(insn);
      case 0x16, 0x17 -> MoveOps.constant(insn, opcode < 0xb8 ? 1 : size, insn.rm);
      default -> one(insn);
    };
  }

  /** 90..97: XCHG with the accumulator; 90 itself is NOP (PAUSE with F3) unless REX.B makes it XCHG R8. */
  private static Op exchange(Insn insn) {
    if (insn.rm == 0) {
      return UnaryOps.Nop.NOP;
    }
    return new ConditionOps.Exchange(Place.register(insn, insn.operandSize, insn.rm), 0);
  }

  /** What is left of 60..BF. */
  private static Op one(Insn insn) {
    int size = insn.operandSize;
    return switch (insn.opcode) {
      case 0x60 -> new StackOps.PushAll(size);
      case 0x61 -> new StackOps.PopAll(size);
      case 0x62 -> insn.ea == null ? UndefinedOp.UD : new StackOps.Bound(insn);
      case 0x63 -> insn.is64() ? ExtendOps.signExtend(insn, 4) : SystemDecode.decode(insn);
      case 0x68, 0x6a -> new StackOps.PushConstant(insn);
      case 0x69, 0x6b ->
          new MulDivOps.SignedMultiplyImmediate(Place.of(insn, size), insn.reg, insn.immediate);
      case 0x80, 0x82 -> AluOps.placeImmediate(insn, insn.extension, 1);
      case 0x81, 0x83 -> AluOps.placeImmediate(insn, insn.extension, size);
      case 0x84, 0x85 -> AluOps.placeRegister(insn, Alu.TEST, size(insn));
      case 0x86, 0x87 ->
          new ConditionOps.Exchange(
              Place.of(insn, size(insn)), Operand.code(insn, size(insn), insn.reg));
      case 0x88, 0x89 -> MoveOps.placeRegister(insn, size(insn));
      case 0x8a, 0x8b -> MoveOps.registerPlace(insn, size(insn));
      case 0x8d -> insn.ea == null ? UndefinedOp.UD : MoveOps.lea(insn);
      case 0x8f -> pop(insn);
      case 0x98 -> new UnaryOps.ExtendAccumulator(size);
      case 0x99 -> new UnaryOps.ExtendToPair(size);
      case 0x9e -> new UnaryOps.StoreAh();
      case 0x9f -> new UnaryOps.LoadAh();
      case 0xa0, 0xa1 -> MoveOps.load(insn.memory(), size(insn), 0);
      case 0xa2, 0xa3 -> MoveOps.storeAccumulator(insn.memory(), size(insn));
      case 0xa8, 0xa9 -> AluOps.accumulatorImmediate(insn, Alu.TEST, size(insn));
      default -> StringOps.decode(insn);
    };
  }

  private static Op pop(Insn insn) {
    if (insn.extension != 0) {
      return UndefinedOp.UD;
    }
    return insn.ea == null ? StackOps.popRegister(insn, insn.rm) : new StackOps.PopMemory(insn);
  }

  /** C0..FF. */
  private static Op last(Insn insn) {
    int size = insn.operandSize;
    return switch (insn.opcode) {
      case 0xc0, 0xc1 -> ShiftOps.byConstant(insn, size(insn), (int) insn.immediate);
      case 0xd0, 0xd1 -> ShiftOps.byConstant(insn, size(insn), 1);
      case 0xd2, 0xd3 -> ShiftOps.byCl(insn, size(insn));
      case 0xc2, 0xc3 -> {
        int bytes = insn.opcode == 0xc2 ? (int) insn.immediate : 0;
        yield insn.is64() ? new BranchOps.Ret64(bytes) : new BranchOps.LegacyRet(size, bytes);
      }
      case 0xc6, 0xc7 ->
          insn.extension == 0 ? MoveOps.placeImmediate(insn, size(insn)) : UndefinedOp.UD;
      case 0xc8 -> new StackOps.Enter(insn);
      case 0xc9 -> new StackOps.Leave(insn);
      case 0xd4 -> new BcdOps.AdjustMultiply((int) insn.immediate & 0xff);
      case 0xd5 -> new BcdOps.AdjustDivide((int) insn.immediate & 0xff);
      case 0xd6 -> new UnaryOps.SetAlByCarry();
      case 0xd7 -> translate(insn);
      case 0xe0, 0xe1, 0xe2, 0xe3 -> new BranchOps.CountBranch(insn);
      case 0xe8 -> insn.is64() ? new BranchOps.Call64(insn) : new BranchOps.LegacyCall(insn);
      case 0xe9, 0xeb -> new BranchOps.Jump(insn);
      case 0xf5 -> new UnaryOps.ComplementCarry();
      case 0xf6, 0xf7 -> group3(insn, size(insn));
      case 0xf8 -> new UnaryOps.SetCarry(false);
      case 0xf9 -> new UnaryOps.SetCarry(true);
      case 0xfc -> new UnaryOps.SetDirection(1);
      case 0xfd -> new UnaryOps.SetDirection(-1);
      case 0xfe -> group4(insn);
      case 0xff -> group5(insn);
      default -> throw new IllegalStateException("no operation for opcode of " + insn);
    };
  }

  private static Op translate(Insn insn) {
    int segment = insn.segmentOverride >= 0 ? insn.segmentOverride : CpuState.DS;
    return new UnaryOps.Translate(new Ea(insn.mode, insn.addressSize, segment, 3, Cpu.ZERO, 0, 0));
  }

  private static Op group3(Insn insn, int size) {
    return switch (insn.extension) {
      case 0, 1 -> AluOps.placeImmediate(insn, Alu.TEST, size);
      case 2 -> new UnaryOps.Not(Place.of(insn, size));
      case 3 -> new UnaryOps.Negate(Place.of(insn, size));
      case 4 -> MulDivOps.multiply(insn, size);
      case 5 -> new MulDivOps.Multiply(Place.of(insn, size), true);
      case 6 -> new MulDivOps.Divide(Place.of(insn, size));
      default -> new MulDivOps.SignedDivide(Place.of(insn, size));
    };
  }

  private static Op group4(Insn insn) {
    return switch (insn.extension) {
      case 0 -> UnaryOps.increment(insn, 1);
      case 1 -> UnaryOps.decrement(insn, 1);
      default -> UndefinedOp.UD;
    };
  }

  /** FF. In 64-bit mode near branches are of 64 bits always, PUSH by default. */
  private static Op group5(Insn insn) {
    switch (insn.extension) {
      case 0:
        return UnaryOps.increment(insn, insn.operandSize);
      case 1:
        return UnaryOps.decrement(insn, insn.operandSize);
      case 3, 5:
        return insn.ea == null ? UndefinedOp.UD : SystemDecode.decode(insn);
      case 2, 4:
        if (insn.is64()) {
          insn.operandSize = 8;
        }
        return insn.extension == 2
            ? new BranchOps.CallIndirect(insn)
            : new BranchOps.JumpIndirect(insn);
      case 6:
        if (insn.is64()) {
          insn.operandSize = insn.prefix66 && (insn.rex & 8) == 0 ? 2 : 8;
        }
        return new StackOps.PushPlace(insn);
      default:
        return UndefinedOp.UD;
    }
  }
}
