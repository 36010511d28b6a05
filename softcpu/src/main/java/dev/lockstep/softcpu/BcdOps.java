package dev.lockstep.softcpu;

/**
 * The decimal adjustments, which 64-bit mode does not have (Intel SDM vol. 2A). Undefined flags: OF after DAA and DAS is 0; AAA and AAS set SF, ZF and PF by AL and clear OF; AAM clears CF, AF and
 * OF; AAD sets them as the addition in it does.
 */
final class BcdOps {
  private BcdOps() {}

  /** Sets SF, ZF and PF by AL, CF and AF as given, OF to 0. */
  private static void setFlags(Cpu c, boolean carry, boolean adjust) {
    c.flagResult = (byte) c.r[0];
    c.flagAux = Flags.aux(carry, false, adjust);
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
      setFlags(c, newCarry, adjust);
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
      int ax = (int) c.r[0] & 0xffff;
      if (adjust) {
        ax += sign * 0x106;
      }
      Operand.set16(c, 0, ax & 0xff0f);
      setFlags(c, adjust, adjust);
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
      setFlags(c, false, false);
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
