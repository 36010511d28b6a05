package dev.lockstep.softcpu;

/** From {@link Insn} to {@link Op}: the integer part of the two-byte opcode map. */
final class OpDecode0F {
  private OpDecode0F() {}

  static Op decode(Insn insn) {
    int opcode = insn.opcode;
    int size = insn.operandSize;
    return switch (opcode >> 4) {
      case 0x14 -> ConditionOps.move(insn, opcode & 15);
      case 0x18 -> BranchOps.conditional(insn, opcode & 15);
      case 0x19 -> new ConditionOps.SetCondition(Place.of(insn, 1), opcode & 15);
      case 0x10, 0x11 -> UnaryOps.Nop.NOP;
      default ->
          switch (opcode) {
            case 0x1a0, 0x1a8 -> StackOps.pushSegment(insn);
            case 0x1a3 -> BitOps.byRegister(insn, BitOps.BT);
            case 0x1ab -> BitOps.byRegister(insn, BitOps.BTS);
            case 0x1b3 -> BitOps.byRegister(insn, BitOps.BTR);
            case 0x1bb -> BitOps.byRegister(insn, BitOps.BTC);
            case 0x1ba -> bitConstant(insn);
            case 0x1a4 -> ShiftOps.doubleShift(insn, true, false);
            case 0x1a5 -> ShiftOps.doubleShift(insn, true, true);
            case 0x1ac -> ShiftOps.doubleShift(insn, false, false);
            case 0x1ad -> ShiftOps.doubleShift(insn, false, true);
            case 0x1af -> MulDivOps.signedMultiply(insn);
            case 0x1b0, 0x1b1 -> compareExchange(insn);
            case 0x1b6 -> ExtendOps.zeroExtend(insn, 1);
            case 0x1b7 -> ExtendOps.zeroExtend(insn, 2);
            // F3 in front makes TZCNT and LZCNT where they exist; here it means nothing.
            case 0x1bc -> new BitOps.Scan(Place.of(insn, size), insn.reg, false);
            case 0x1bd -> new BitOps.Scan(Place.of(insn, size), insn.reg, true);
            case 0x1be -> ExtendOps.signExtend(insn, 1);
            case 0x1bf -> ExtendOps.signExtend(insn, 2);
            case 0x1c0, 0x1c1 -> exchangeAdd(insn);
            case 0x1c3 -> storeNonTemporal(insn);
            case 0x1c7 -> group9(insn);
            case 0x1c8, 0x1c9, 0x1ca, 0x1cb, 0x1cc, 0x1cd, 0x1ce, 0x1cf ->
                new ConditionOps.ByteSwap(insn.rm, size);
            default -> UndefinedOp.UD;
          };
    };
  }

  private static Op bitConstant(Insn insn) {
    if (insn.extension < 4) {
      return UndefinedOp.UD;
    }
    return new BitOps.TestConstant(
        Place.of(insn, insn.operandSize), insn.extension - 4, (int) insn.immediate);
  }

  private static Op compareExchange(Insn insn) {
    int size = insn.opcode == 0x1b0 ? 1 : insn.operandSize;
    return new ConditionOps.CompareExchange(
        Place.of(insn, size), Operand.code(insn, size, insn.reg));
  }

  private static Op exchangeAdd(Insn insn) {
    int size = insn.opcode == 0x1c0 ? 1 : insn.operandSize;
    return new ConditionOps.ExchangeAdd(Place.of(insn, size), Operand.code(insn, size, insn.reg));
  }

  /** MOVNTI: a plain store here, of 64 or 32 bits; 16-bit code has no narrower one. */
  private static Op storeNonTemporal(Insn insn) {
    boolean undefined = insn.ea == null || insn.prefix66 || insn.repeat != 0;
    return undefined ? UndefinedOp.UD : MoveOps.placeRegister(insn, Math.max(4, insn.operandSize));
  }

  /** CMPXCHG8B is all there is; CMPXCHG16B, RDRAND, RDSEED and the VMX forms are not announced. */
  private static Op group9(Insn insn) {
    Ea ea = insn.ea;
    if (ea == null || insn.extension != 1 || insn.operandSize == 8) {
      return UndefinedOp.UD;
    }
    return new ConditionOps.CompareExchange8B(ea);
  }
}
