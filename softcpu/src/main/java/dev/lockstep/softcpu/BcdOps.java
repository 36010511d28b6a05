package dev.lockstep.softcpu;

/**
 * The decimal adjustments, which 64-bit mode does not have (Intel SDM vol. 2A). Undefined flags, as AMD's processors set them (measured on Zen 5): OF after DAA and DAS is that of adding or subtracting
 * the whole correction; AAA and AAS set SF, ZF, PF and OF by adding or subtracting 0x106 or 0 to AX; AAM clears CF, AF and OF; AAD sets them as the addition in it does.
 */
final class BcdOps {
  private BcdOps() {}

  /** Keeps SF, ZF and PF of the last result, and sets the others. */
  private static void setFlags(Cpu c, boolean carry, boolean overflow, boolean adjust) {
    c.flagAux = Flags.aux(carry, overflow, adjust);
  }

  /** DAA, DAS: 27, 2F. */
  static final class DecimalAdjust extends Op {
    private final int sign;

    DecimalAdjust(boolean subtract) {
      this.sign = subtract ? -1 : 1;
    }

    @Override
    void exec(Cpu c) {
      int al = Operand.get8(c, 0);
      boolean carry = Flags.cf(c);
      boolean newCarry = false;
      int result = al;
      boolean adjust = (al & 0xf) > 9 || Flags.af(c);
      if (adjust) {
        result += sign * 6;
        newCarry = carry || (result & ~0xff) != 0;
      }
      if (al > 0x99 || carry) {
        result += sign * 0x60;
        newCarry = true;
      } else if (sign > 0) {
        // DAA without the second correction clears CF, DAS keeps the borrow of the first.
        newCarry = false;
      }
      Operand.set8(c, 0, result);
      Alu.applyNarrow(c, sign > 0 ? Alu.ADD : Alu.SUB, 1, al, sign * (result - al));
      setFlags(c, newCarry, Flags.of(c), adjust);
    }
  }

  /** AAA, AAS: 37, 3F. */
  static final class AsciiAdjust extends Op {
    private final int sign;

    AsciiAdjust(boolean subtract) {
      this.sign = subtract ? -1 : 1;
    }

    @Override
    void exec(Cpu c) {
      boolean adjust = (Operand.get8(c, 0) & 0xf) > 9 || Flags.af(c);
      int by = adjust ? 0x106 : 0;
      int ax = Alu.applyNarrow(c, sign > 0 ? Alu.ADD : Alu.SUB, 2, (int) c.r[0], by);
      Operand.set16(c, 0, ax & 0xff0f);
      setFlags(c, adjust, Flags.of(c), adjust);
    }
  }

  /** AAM: D4. */
  static final class AdjustMultiply extends Op {
    private final int base;

    AdjustMultiply(int base) {
      this.base = base;
    }

    @Override
    void exec(Cpu c) {
      if (base == 0) {
        throw c.fault.raise(GuestFault.DE, 0);
      }
      int al = Operand.get8(c, 0);
      Operand.set16(c, 0, al / base << 8 | al % base);
      c.flagResult = (byte) (al % base);
      setFlags(c, false, false, false);
    }
  }

  /** AAD: D5. */
  static final class AdjustDivide extends Op {
    private final int base;

    AdjustDivide(int base) {
      this.base = base;
    }

    @Override
    void exec(Cpu c) {
      int ax = (int) c.r[0];
      int product = (ax >>> 8 & 0xff) * base & 0xff;
      Operand.set16(c, 0, Alu.applyNarrow(c, Alu.ADD, 1, ax & 0xff, product) & 0xff);
    }
  }
}
