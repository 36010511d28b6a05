package dev.lockstep.softcpu;

/**
 * The arithmetic flags, kept lazily in two fields of {@link Cpu}.
 *
 * <p>{@code flagResult} is the sign-extended result of the last operation that set flags. {@code flagAux} has what the result alone does not tell:
 *
 * <ul>
 *   <li>bit 63: CF
 *   <li>bit 62: the carry into the most significant bit, so that OF is bit 63 xor bit 62
 *   <li>bits 15:8: xored into the result's low byte before its parity is taken
 *   <li>bit 3: AF
 *   <li>bit 0: xored with the result's sign to give SF
 *   <li>all others: meaningless
 * </ul>
 *
 * <p>An addition or subtraction of {@code n} bits therefore stores its carry-out vector shifted so that bit {@code n - 1} lands on bit 63, with AF's bit 3 kept in place; a logical operation stores 0.
 */
final class Flags {
  static final int CF = 1;
  static final int PF = 1 << 2;
  static final int AF = 1 << 4;
  static final int ZF = 1 << 6;
  static final int SF = 1 << 7;
  static final int DF = 1 << 10;
  static final int OF = 1 << 11;

  /** The six arithmetic flags. */
  static final int ARITHMETIC = CF | PF | AF | ZF | SF | OF;

  /** The bits of {@code flagAux} that a 64-bit carry-out vector may set. */
  static final long AUX64 = 0xC000_0000_0000_0008L;

  /** The bit of {@code flagAux} that is CF. */
  static final long AUX_CF = 1L << 63;

  /** The bit of {@code flagAux} that is CF xor OF. */
  static final long AUX_PO = 1L << 62;

  /** The bit of {@code flagAux} that is AF. */
  static final long AUX_AF = 8;

  private Flags() {}

  static boolean cf(Cpu c) {
    return c.flagAux < 0;
  }

  /** CF as 0 or 1. */
  static int carry(Cpu c) {
    return (int) (c.flagAux >>> 63);
  }

  static boolean of(Cpu c) {
    return (c.flagAux ^ c.flagAux << 1) < 0;
  }

  static boolean zf(Cpu c) {
    return c.flagResult == 0;
  }

  static boolean sf(Cpu c) {
    return (c.flagResult ^ c.flagAux << 63) < 0;
  }

  static boolean af(Cpu c) {
    return (c.flagAux & AUX_AF) != 0;
  }

  static boolean pf(Cpu c) {
    int b = (int) (c.flagResult ^ c.flagAux >>> 8) & 0xff;
    return (Integer.bitCount(b) & 1) == 0;
  }

  /** The six arithmetic flags in their places in RFLAGS. */
  static int arithmetic(Cpu c) {
    return (cf(c) ? CF : 0)
        | (pf(c) ? PF : 0)
        | (af(c) ? AF : 0)
        | (zf(c) ? ZF : 0)
        | (sf(c) ? SF : 0)
        | (of(c) ? OF : 0);
  }

  /** Sets the six arithmetic flags from their places in RFLAGS. */
  static void setArithmetic(Cpu c, int flags) {
    long result = (flags & ZF) != 0 ? 0 : 1;
    long aux = 0;
    if ((flags & CF) != 0) {
      aux |= AUX_CF;
    }
    if (((flags & CF) != 0) != ((flags & OF) != 0)) {
      aux |= AUX_PO;
    }
    if ((flags & AF) != 0) {
      aux |= AUX_AF;
    }
    if ((flags & SF) != 0) {
      aux |= 1;
    }
    boolean evenParity = result == 0;
    if (((flags & PF) != 0) != evenParity) {
      aux |= 1 << 8;
    }
    c.flagResult = result;
    c.flagAux = aux;
  }

  /** Sets CF and leaves the other five. */
  static void setCarry(Cpu c, boolean carry) {
    long aux = c.flagAux;
    if (carry != aux < 0) {
      // OF is the xor of the two upper bits: turning both over keeps it.
      c.flagAux = aux ^ (AUX_CF | AUX_PO);
    }
  }

  /** {@code flagAux} with the given CF, OF and AF, for a result that tells SF, ZF and PF itself. */
  static long aux(boolean carry, boolean overflow, boolean adjust) {
    return (carry ? AUX_CF : 0) | (carry != overflow ? AUX_PO : 0) | (adjust ? AUX_AF : 0);
  }

  /** The whole RFLAGS. */
  static long rflags(Cpu c) {
    return c.systemFlags | arithmetic(c) | (c.direction < 0 ? DF : 0);
  }

  /** Sets the whole RFLAGS, unchecked. */
  static void setRflags(Cpu c, long rflags) {
    setArithmetic(c, (int) rflags);
    c.direction = (rflags & DF) != 0 ? -1 : 1;
    c.systemFlags = rflags & ~(long) (ARITHMETIC | DF) | 2;
  }

  /** The condition of Jcc, SETcc and CMOVcc. */
  static boolean condition(Cpu c, int cc) {
    boolean value =
        switch (cc >> 1) {
          case 0 -> of(c);
          case 1 -> cf(c);
          case 2 -> zf(c);
          case 3 -> cf(c) || zf(c);
          case 4 -> sf(c);
          case 5 -> pf(c);
          case 6 -> sf(c) != of(c);
          default -> zf(c) || sf(c) != of(c);
        };
    return value != ((cc & 1) != 0);
  }
}
