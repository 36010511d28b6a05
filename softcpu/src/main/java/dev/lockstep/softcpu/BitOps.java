package dev.lockstep.softcpu;

/**
 * BT, BTS, BTR, BTC, BSF and BSR.
 *
 * <p>Undefined flags, as AMD's processors set them: the bit tests change CF only; the scans set PF by the index found (as for a zero source by 0) and clear CF, AF, SF and OF. A scan of zero leaves the
 * whole destination register as it was.
 */
final class BitOps {
  static final int BT = 0, BTS = 1, BTR = 2, BTC = 3;

  private BitOps() {}

  /** {@code BTx r/m, r}: 0F A3, AB, B3, BB. */
  static Op byRegister(Insn insn, int kind) {
    Ea ea = insn.ea;
    return ea == null
        ? new TestRegister(kind, insn.operandSize, insn.rm, insn.reg)
        : new TestMemory(ea, kind, insn.operandSize, insn.reg);
  }

  private static long changed(int kind, long value, int bit) {
    return switch (kind) {
      case BTS -> value | 1L << bit;
      case BTR -> value & ~(1L << bit);
      case BTC -> value ^ 1L << bit;
      default -> value;
    };
  }

  static final class TestRegister extends Op {
    private final int kind;
    private final int size;
    private final int d;
    private final int index;

    TestRegister(int kind, int size, int d, int index) {
      this.kind = kind;
      this.size = size;
      this.d = d;
      this.index = index;
    }

    @Override
    void exec(Cpu c) {
      long value = c.r[d];
      int bit = (int) c.r[index] & 8 * size - 1;
      Flags.setCarry(c, (value >>> bit & 1) != 0);
      if (kind != BT) {
        Operand.set(c, size, d, changed(kind, value, bit));
      }
    }
  }

  /** The bit string in memory: the index is signed and reaches beyond the operand (Intel SDM vol. 2A 3.1.1.9, BitOffset). */
  static final class TestMemory extends MemOp {
    private final int kind;
    private final int size;
    private final int index;

    TestMemory(Ea ea, int kind, int size, int index) {
      super(ea);
      this.kind = kind;
      this.size = size;
      this.index = index;
    }

    @Override
    void exec(Cpu c) {
      long offset = Operand.signExtend(size, c.r[index]);
      int bit = (int) offset & 8 * size - 1;
      // The containing operand: offset / bits operands of size bytes further on, rounded down.
      long bytes = (offset >> 3) & -size;
      if (kind == BT) {
        long value = Operand.load(c, size, ea.linearPlus(c, bytes, size, false));
        Flags.setCarry(c, (value >>> bit & 1) != 0);
        return;
      }
      long at = ea.linearPlus(c, bytes, size, true);
      long value = Operand.loadForWrite(c, size, at);
      Operand.store(c, size, at, changed(kind, value, bit));
      Flags.setCarry(c, (value >>> bit & 1) != 0);
    }
  }

  /** {@code BTx r/m, imm8}: 0F BA /4../7. */
  static final class TestConstant extends PlaceOp {
    private final int kind;
    private final int bit;

    TestConstant(Place place, int kind, int index) {
      super(place);
      this.kind = kind;
      this.bit = index & 8 * place.size - 1;
    }

    @Override
    void exec(Cpu c) {
      if (kind == BT) {
        Flags.setCarry(c, (place.read(c) >>> bit & 1) != 0);
        return;
      }
      long value = place.readForWrite(c);
      place.write(c, changed(kind, value, bit));
      Flags.setCarry(c, (value >>> bit & 1) != 0);
    }
  }

  /** BSF and BSR: 0F BC, BD. */
  static final class Scan extends PlaceOp {
    private final int d;
    private final boolean reverse;

    Scan(Place from, int d, boolean reverse) {
      super(from);
      this.d = d;
      this.reverse = reverse;
    }

    @Override
    void exec(Cpu c) {
      long value = place.read(c);
      if (value == 0) {
        c.flagResult = 0;
        c.flagAux = 0;
        return;
      }
      int index =
          reverse ? 63 - Long.numberOfLeadingZeros(value) : Long.numberOfTrailingZeros(value);
      Operand.set(c, place.size, d, index);
      // ZF is clear even for index 0, whose parity is that of 3.
      c.flagResult = index == 0 ? 3 : index;
      c.flagAux = 0;
    }
  }
}
