package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import java.util.function.LongBinaryOperator;

/**
 * Makes operations of the x87, MMX, SSE and SSE2 instructions. In the vector opcodes 66, F2 and F3 are part of the opcode; F2 and F3 win over 66 (Intel SDM vol. 2D, A.2.4.2).
 */
final class FpDecode {
  private static final int NONE = 0;
  private static final int P66 = 0x66;
  private static final int PF2 = 0xf2;
  private static final int PF3 = 0xf3;

  private FpDecode() {}

  /** The operation, or {@link UndefinedOp} where the form does not exist. */
  static Op decode(Insn insn) {
    int opcode = insn.opcode;
    if (insn.lock) {
      return UndefinedOp.UD;
    }
    if (opcode == 0x9b) {
      return new X87Ops.Wait();
    }
    if (opcode >= 0xd8 && opcode <= 0xdf) {
      return X87Decode.decode(insn);
    }
    int kind = insn.repeat != 0 ? insn.repeat : insn.prefix66 ? P66 : NONE;
    if (opcode < 0x150) {
      return lowMoves(insn, opcode, kind);
    }
    if (opcode < 0x160) {
      return floatingPoint(insn, opcode, kind);
    }
    if (opcode == 0x1ae) {
      return state(insn, kind);
    }
    return integers(insn, opcode, kind);
  }

  private static Op undefined() {
    return UndefinedOp.UD;
  }

  private static boolean packed(int kind) {
    return kind == NONE || kind == P66;
  }

  private static int generalSize(Insn insn) {
    return (insn.rex & 8) != 0 ? 8 : 4;
  }

  /** 0F 10..17 and 28..2F. */
  private static Op lowMoves(Insn insn, int opcode, int kind) {
    return switch (opcode) {
      case 0x110 -> packed(kind) ? loadUnaligned(insn) : loadScalar(insn, kind);
      case 0x111 -> packed(kind) ? storeUnaligned(insn) : storeScalar(insn, kind);
      case 0x112 -> half(insn, kind, 0, true);
      case 0x113 -> half(insn, kind, 0, false);
      case 0x114, 0x115 -> unpackFloats(insn, opcode - 0x114, kind);
      case 0x116 -> half(insn, kind, 1, true);
      case 0x117 -> half(insn, kind, 1, false);
      case 0x128 ->
          packed(kind)
              ? insn.isRegister()
                  ? new SseMoveOps.Copy(insn, false)
                  : new SseMoveOps.LoadAligned(insn)
              : undefined();
      case 0x129 ->
          packed(kind)
              ? insn.isRegister()
                  ? new SseMoveOps.Copy(insn, true)
                  : new SseMoveOps.StoreAligned(insn)
              : undefined();
      case 0x12a -> SseConvertOps.fromInteger(insn, kind);
      case 0x12b ->
          packed(kind) && !insn.isRegister() ? new SseMoveOps.StoreAligned(insn) : undefined();
      case 0x12c, 0x12d -> SseConvertOps.toInteger(insn, kind);
      case 0x12e, 0x12f -> packed(kind) ? new SseArithmeticOps.Compare(insn) : undefined();
      default -> undefined();
    };
  }

  private static Op loadUnaligned(Insn insn) {
    return insn.isRegister()
        ? new SseMoveOps.Copy(insn, false)
        : new SseMoveOps.LoadUnaligned(insn);
  }

  private static Op storeUnaligned(Insn insn) {
    return insn.isRegister()
        ? new SseMoveOps.Copy(insn, true)
        : new SseMoveOps.StoreUnaligned(insn);
  }

  private static Op loadScalar(Insn insn, int kind) {
    int size = kind == PF3 ? 4 : 8;
    return insn.isRegister()
        ? new SseMoveOps.ScalarCopy(insn, false, size)
        : new SseMoveOps.LoadZeroing(insn, size);
  }

  private static Op storeScalar(Insn insn, int kind) {
    int size = kind == PF3 ? 4 : 8;
    return insn.isRegister()
        ? new SseMoveOps.ScalarCopy(insn, true, size)
        : new SseMoveOps.StorePart(insn, size, 0);
  }

  /** MOVLP and MOVHP; without 66 the register forms are MOVHLPS and MOVLHPS. F2 and F3 are SSE3's. */
  private static Op half(Insn insn, int kind, int which, boolean load) {
    if (!packed(kind) || insn.isRegister() && (kind == P66 || !load)) {
      return undefined();
    }
    return load ? new SseMoveOps.LoadHalf(insn, which) : new SseMoveOps.StorePart(insn, 8, which);
  }

  private static Op unpackFloats(Insn insn, int half, int kind) {
    return switch (kind) {
      case NONE -> unpack(insn, 0x162, half);
      case P66 -> new SseIntegerOps.UnpackQuads(insn, half);
      default -> undefined();
    };
  }

  private static Op unpack(Insn insn, int opcode, int half) {
    return new SseIntegerOps.Unpack(
        insn, half, PackedTable.unpackLower(opcode), PackedTable.unpackUpper(opcode));
  }

  /** 0F 50..5F. */
  private static Op floatingPoint(Insn insn, int opcode, int kind) {
    return switch (opcode) {
      case 0x150 ->
          packed(kind) && insn.isRegister()
              ? new SseIntegerOps.MoveMask(insn, kind == P66)
              : undefined();
      case 0x152, 0x153 ->
          kind == NONE || kind == PF3 ? SseArithmeticOps.arithmetic(insn, kind) : undefined();
      case 0x154 -> packed(kind) ? lanes(insn, (a, b) -> a & b) : undefined();
      case 0x155 -> packed(kind) ? lanes(insn, (a, b) -> ~a & b) : undefined();
      case 0x156 -> packed(kind) ? lanes(insn, (a, b) -> a | b) : undefined();
      case 0x157 -> packed(kind) ? new SseIntegerOps.Xor(insn) : undefined();
      case 0x15a -> SseConvertOps.betweenFormats(insn, kind);
      case 0x15b -> kind == PF2 ? undefined() : SseConvertOps.packedDwords(insn, kind);
      default -> SseArithmeticOps.arithmetic(insn, kind);
    };
  }

  private static Op lanes(Insn insn, LongBinaryOperator lane) {
    return new SseIntegerOps.Lanes(insn, lane);
  }

  /** 0F 60..7F, C2, C4..C6, D0..FF. */
  private static Op integers(Insn insn, int opcode, int kind) {
    return switch (opcode) {
      case 0x16c, 0x16d ->
          kind == P66 ? new SseIntegerOps.UnpackQuads(insn, opcode - 0x16c) : undefined();
      case 0x16e -> moveFromGeneral(insn, kind);
      case 0x16f -> moveLoad(insn, kind);
      case 0x170 -> shuffle(insn, kind);
      case 0x171, 0x172, 0x173 -> shiftImmediate(insn, opcode, kind);
      case 0x177 -> kind == NONE ? new MmxOps.Emms() : undefined();
      case 0x17e -> moveToGeneral(insn, kind);
      case 0x17f -> moveStore(insn, kind);
      case 0x1c2 -> SseArithmeticOps.compareMask(insn, kind);
      case 0x1c4, 0x1c5 -> words(insn, opcode, kind);
      case 0x1c6 ->
          switch (kind) {
            case NONE -> new SseIntegerOps.ShuffleSingles(insn);
            case P66 -> new SseIntegerOps.ShuffleDoubles(insn);
            default -> undefined();
          };
      case 0x1d6 -> moveQuads(insn, kind);
      case 0x1d7 -> moveMask(insn, kind);
      case 0x1e6 -> kind == NONE ? undefined() : SseConvertOps.doublesAndDwords(insn, kind);
      case 0x1e7 -> nonTemporal(insn, kind);
      case 0x1f7 -> maskedStore(insn, kind);
      default -> tableDriven(insn, opcode, kind);
    };
  }

  private static Op moveFromGeneral(Insn insn, int kind) {
    int size = generalSize(insn);
    return switch (kind) {
      case NONE ->
          insn.isRegister() ? new MmxOps.FromGeneral(insn, size) : new MmxOps.Load(insn, size);
      case P66 ->
          insn.isRegister()
              ? new SseMoveOps.FromGeneral(insn, size)
              : new SseMoveOps.LoadZeroing(insn, size);
      default -> undefined();
    };
  }

  private static Op moveToGeneral(Insn insn, int kind) {
    int size = generalSize(insn);
    return switch (kind) {
      case NONE ->
          insn.isRegister() ? new MmxOps.ToGeneral(insn, size) : new MmxOps.Store(insn, size);
      case P66 ->
          insn.isRegister()
              ? new SseMoveOps.ToGeneral(insn, size)
              : new SseMoveOps.StorePart(insn, size, 0);
      case PF3 -> new SseMoveOps.LoadZeroing(insn, 8);
      default -> undefined();
    };
  }

  private static Op moveLoad(Insn insn, int kind) {
    return switch (kind) {
      case NONE -> new MmxOps.Load(insn, 8);
      case P66 ->
          insn.isRegister() ? new SseMoveOps.Copy(insn, false) : new SseMoveOps.LoadAligned(insn);
      case PF3 -> loadUnaligned(insn);
      default -> undefined();
    };
  }

  private static Op moveStore(Insn insn, int kind) {
    return switch (kind) {
      case NONE -> new MmxOps.Store(insn, 8);
      case P66 ->
          insn.isRegister() ? new SseMoveOps.Copy(insn, true) : new SseMoveOps.StoreAligned(insn);
      case PF3 -> storeUnaligned(insn);
      default -> undefined();
    };
  }

  private static Op shuffle(Insn insn, int kind) {
    return switch (kind) {
      case NONE -> new MmxOps.ShuffleWords(insn);
      case P66 -> new SseIntegerOps.ShuffleDwords(insn);
      case PF3 -> new SseIntegerOps.ShuffleWords(insn, true);
      default -> new SseIntegerOps.ShuffleWords(insn, false);
    };
  }

  private static Op shiftImmediate(Insn insn, int opcode, int kind) {
    if (!insn.isRegister() || !packed(kind)) {
      return undefined();
    }
    if (opcode == 0x173 && (insn.extension == 3 || insn.extension == 7)) {
      return kind == P66 ? new SseIntegerOps.ShiftBytes(insn, insn.extension == 7) : undefined();
    }
    LongBinaryOperator lane =
        PackedTable.shift(PackedTable.shiftOfImmediate(opcode, insn.extension));
    if (lane == null) {
      return undefined();
    }
    return kind == P66
        ? new SseIntegerOps.ShiftImmediate(insn, lane)
        : new MmxOps.ShiftImmediate(insn, lane);
  }

  /** PINSRW and PEXTRW. */
  private static Op words(Insn insn, int opcode, int kind) {
    boolean extract = opcode == 0x1c5;
    if (!packed(kind) || extract && !insn.isRegister()) {
      return undefined();
    }
    if (kind == P66) {
      return extract ? new SseIntegerOps.ExtractWord(insn) : new SseIntegerOps.InsertWord(insn);
    }
    return extract ? new MmxOps.ExtractWord(insn) : new MmxOps.InsertWord(insn);
  }

  private static Op moveQuads(Insn insn, int kind) {
    if (kind == P66) {
      return insn.isRegister()
          ? new SseMoveOps.CopyLowZeroing(insn)
          : new SseMoveOps.StorePart(insn, 8, 0);
    }
    if (!insn.isRegister() || kind == NONE) {
      return undefined();
    }
    return kind == PF3 ? new SseMoveOps.MmxToXmm(insn) : new SseMoveOps.XmmToMmx(insn);
  }

  private static Op moveMask(Insn insn, int kind) {
    if (!insn.isRegister() || !packed(kind)) {
      return undefined();
    }
    return kind == P66 ? new SseIntegerOps.MoveMaskBytes(insn) : new MmxOps.MoveMaskBytes(insn);
  }

  private static Op nonTemporal(Insn insn, int kind) {
    if (insn.isRegister() || !packed(kind)) {
      return undefined();
    }
    return kind == P66 ? new SseMoveOps.StoreAligned(insn) : new MmxOps.Store(insn, 8);
  }

  private static Op maskedStore(Insn insn, int kind) {
    if (!insn.isRegister() || !packed(kind)) {
      return undefined();
    }
    int segment = insn.segmentOverride >= 0 ? insn.segmentOverride : CpuState.DS;
    Ea destination = new Ea(insn.mode, insn.addressSize, segment, 7, Cpu.ZERO, 0, 0);
    return kind == P66
        ? new SseMoveOps.MaskedStore(insn, destination)
        : new MmxOps.MaskedStore(insn, destination);
  }

  /** Lanes, shifts, packs and unpacks. PADDQ, PSUBQ and PMULUDQ of MMX registers came with SSE2 and are among them. */
  private static Op tableDriven(Insn insn, int opcode, int kind) {
    if (!packed(kind)) {
      return undefined();
    }
    LongBinaryOperator lane = PackedTable.lane(opcode);
    if (lane != null) {
      if (kind == NONE) {
        return new MmxOps.Lane(insn, lane);
      }
      return opcode == 0x1ef ? new SseIntegerOps.Xor(insn) : new SseIntegerOps.Lanes(insn, lane);
    }
    LongBinaryOperator shift = PackedTable.shift(opcode);
    if (shift != null) {
      return kind == P66 ? new SseIntegerOps.Shift(insn, shift) : new MmxOps.Lane(insn, shift);
    }
    LongBinaryOperator rearrange = PackedTable.rearrange(opcode);
    if (rearrange == null) {
      return undefined();
    }
    boolean pack = opcode == 0x163 || opcode == 0x167 || opcode == 0x16b;
    if (kind == NONE) {
      return opcode <= 0x162
          ? new MmxOps.UnpackLow(insn, rearrange)
          : new MmxOps.Lane(insn, rearrange);
    }
    return pack
        ? new SseIntegerOps.Pack(insn, rearrange)
        : unpack(insn, opcode, opcode >= 0x168 ? 1 : 0);
  }

  /** 0F AE: state images, MXCSR, fences, CLFLUSH. XSAVE's family is not announced. */
  private static Op state(Insn insn, int kind) {
    if (kind != NONE) {
      return undefined();
    }
    if (insn.isRegister()) {
      return insn.extension >= 5 ? new FxStateOps.Fence() : undefined();
    }
    return switch (insn.extension) {
      case 0 -> new FxStateOps.Save(insn);
      case 1 -> new FxStateOps.Restore(insn);
      case 2 -> new FxStateOps.LoadMxcsr(insn);
      case 3 -> new FxStateOps.StoreMxcsr(insn);
      case 7 -> new FxStateOps.Flush(insn);
      default -> undefined();
    };
  }
}
