package dev.lockstep.softcpu;

/**
 * Shifts and rotates with their flags, in the four sizes. Counts are masked already and not zero.
 *
 * <p>What the manuals leave undefined follows what AMD's processors do (measured on Zen 5): AF is set by every shift; OF for counts above 1 is computed by the rule for count 1 (shifts left: CF xor the
 * result's sign; shifts and rotates right: xor of the result's two upper bits).
 */
final class Shifts {
  static final int ROL = 0, ROR = 1, RCL = 2, RCR = 3, SHL = 4, SHR = 5, SAR = 7;

  private static final long TOP = Flags.AUX_CF;
  private static final long NEXT = Flags.AUX_PO;
  private static final long KEPT_BY_ROTATES = ~(TOP | NEXT);

  private Shifts() {}

  /** {@code flagAux} of a shift to the left by {@code n}, 1..63. */
  static long auxShl64(long v, int n, long res) {
    return v << n - 1 & TOP | res >>> 1 & NEXT | Flags.AUX_AF;
  }

  /** {@code flagAux} of an unsigned shift to the right by {@code n}, 1..63. */
  static long auxShr64(long v, int n, long res) {
    long carry = v >>> n - 1 & 1;
    // OF is bit 62 of the result, since bit 63 is clear.
    return carry << 63 | (carry << 62 ^ res) & NEXT | Flags.AUX_AF;
  }

  /** {@code flagAux} of a signed shift to the right by {@code n}, 1..63; of 32 bits, sign-extended, too. */
  static long auxSar(long v, int n) {
    long carry = v >>> n - 1 & 1;
    return -carry & (TOP | NEXT) | Flags.AUX_AF;
  }

  /** See {@link #auxShl64}; {@code n} is 1..31. */
  static long auxShl32(int v, int n, int res) {
    return ((long) v << 32) << n - 1 & TOP | (long) res << 31 & NEXT | Flags.AUX_AF;
  }

  /** See {@link #auxShr64}; {@code n} is 1..31. */
  static long auxShr32(int v, int n, int res) {
    long carry = v >>> n - 1 & 1;
    return carry << 63 | (carry << 62 ^ (long) res << 32) & NEXT | Flags.AUX_AF;
  }

  /** {@code flagAux} of a rotation to the left. CF is bit 0, OF is CF xor bit 63, so CF xor OF is bit 63. */
  static long auxRol64(long before, long res) {
    return before & KEPT_BY_ROTATES | res << 63 | res >>> 1 & NEXT;
  }

  /** {@code flagAux} of a rotation to the right. CF is bit 63, OF is bit 63 xor bit 62, so CF xor OF is bit 62. */
  static long auxRor64(long before, long res) {
    return before & KEPT_BY_ROTATES | res & (TOP | NEXT);
  }

  /** See {@link #auxRol64}. */
  static long auxRol32(long before, int res) {
    return before & KEPT_BY_ROTATES | (long) res << 63 | (long) res << 31 & NEXT;
  }

  /** See {@link #auxRor64}. */
  static long auxRor32(long before, int res) {
    return before & KEPT_BY_ROTATES | (long) res << 32 & (TOP | NEXT);
  }

  static long shl64(Cpu c, long v, int n) {
    long res = v << n;
    c.flagResult = res;
    c.flagAux = auxShl64(v, n, res);
    return res;
  }

  static long shr64(Cpu c, long v, int n) {
    long res = v >>> n;
    c.flagResult = res;
    c.flagAux = auxShr64(v, n, res);
    return res;
  }

  static long sar64(Cpu c, long v, int n) {
    long res = v >> n;
    c.flagResult = res;
    c.flagAux = auxSar(v, n);
    return res;
  }

  static int shl32(Cpu c, int v, int n) {
    int res = v << n;
    c.flagResult = res;
    c.flagAux = auxShl32(v, n, res);
    return res;
  }

  static int shr32(Cpu c, int v, int n) {
    int res = v >>> n;
    c.flagResult = res;
    c.flagAux = auxShr32(v, n, res);
    return res;
  }

  static int sar32(Cpu c, int v, int n) {
    int res = v >> n;
    c.flagResult = res;
    c.flagAux = auxSar(v, n);
    return res;
  }

  static long rol64(Cpu c, long v, int n) {
    long res = Long.rotateLeft(v, n);
    c.flagAux = auxRol64(c.flagAux, res);
    return res;
  }

  static long ror64(Cpu c, long v, int n) {
    long res = Long.rotateRight(v, n);
    c.flagAux = auxRor64(c.flagAux, res);
    return res;
  }

  static int rol32(Cpu c, int v, int n) {
    int res = Integer.rotateLeft(v, n);
    c.flagAux = auxRol32(c.flagAux, res);
    return res;
  }

  static int ror32(Cpu c, int v, int n) {
    int res = Integer.rotateRight(v, n);
    c.flagAux = auxRor32(c.flagAux, res);
    return res;
  }

  /**
   * Any of them in any size.
   *
   * @param kind ModRM.reg of group 2
   * @param size bytes
   * @param v zero-extended
   * @param count 1..31, or 1..63 for 8 bytes
   * @return the result; only its low {@code size} bytes count
   */
  static long apply(Cpu c, int kind, int size, long v, int count) {
    return switch (kind) {
      case ROL, ROR -> rotate(c, kind, size, v, count);
      case RCL -> rcl(c, 8 * size, v, count % (8 * size + 1));
      case RCR -> rcr(c, 8 * size, v, count % (8 * size + 1));
      default -> shift(c, kind, size, v, count);
    };
  }

  private static long rotate(Cpu c, int kind, int size, long v, int count) {
    int bits = 8 * size;
    int n = count & bits - 1;
    if (kind == ROR) {
      n = bits - n & bits - 1;
    }
    long res = n == 0 ? v : v << n | v >>> bits - n;
    long top = res << 64 - bits;
    long carries = kind == ROL ? res << 63 | top >>> 1 & NEXT : top & (TOP | NEXT);
    c.flagAux = c.flagAux & KEPT_BY_ROTATES | carries;
    return res;
  }

  private static long rcl(Cpu c, int bits, long v, int n) {
    long carry = c.flagAux >>> 63;
    long res = v;
    if (n > 0) {
      res = v << n | carry << n - 1;
      if (n > 1) {
        res |= v >>> bits + 1 - n;
      }
      carry = v >>> bits - n & 1;
    }
    // OF is CF xor the sign.
    c.flagAux = c.flagAux & KEPT_BY_ROTATES | carry << 63 | (res << 64 - bits) >>> 1 & NEXT;
    return res;
  }

  private static long rcr(Cpu c, int bits, long v, int n) {
    long carry = c.flagAux >>> 63;
    long res = v;
    if (n > 0) {
      res = v >>> n | carry << bits - n;
      if (n > 1) {
        res |= v << bits + 1 - n;
      }
      carry = v >>> n - 1 & 1;
    }
    long top = res << 64 - bits;
    c.flagAux = c.flagAux & KEPT_BY_ROTATES | carry << 63 | (carry << 62 ^ top >>> 1 ^ top) & NEXT;
    return res;
  }

  private static long shift(Cpu c, int kind, int size, long v, int count) {
    if (size == 8) {
      return switch (kind) {
        case SHR -> shr64(c, v, count);
        case SAR -> sar64(c, v, count);
        default -> shl64(c, v, count);
      };
    }
    if (size == 4) {
      return switch (kind) {
        case SHR -> shr32(c, (int) v, count);
        case SAR -> sar32(c, (int) v, count);
        default -> shl32(c, (int) v, count);
      };
    }
    return shiftNarrow(c, kind, 8 * size, v, count);
  }

  /** Bytes and words, whose counts may exceed their width. */
  private static long shiftNarrow(Cpu c, int kind, int bits, long v, int count) {
    int unused = 64 - bits;
    long raw;
    long carry;
    switch (kind) {
      case SHR -> {
        raw = v >>> count;
        carry = v >>> count - 1 & 1;
      }
      case SAR -> {
        long signed = v << unused >> unused;
        raw = signed >> count;
        carry = signed >> count - 1 & 1;
      }
      default -> {
        raw = v << count;
        carry = raw >>> bits & 1;
      }
    }
    long top = raw << unused;
    long po =
        switch (kind) {
          case SHR -> carry << 62 ^ top >>> 1 ^ top;
          case SAR -> carry << 62;
          default -> top >>> 1;
        };
    c.flagResult = top >> unused;
    c.flagAux = carry << 63 | po & NEXT | Flags.AUX_AF;
    return raw;
  }

  /**
   * SHLD. For 16 bits and counts above 16, which the manuals leave undefined, the bits of the source come twice, CF is 0, and OF is 0.
   *
   * @param a the destination, zero-extended
   * @param b the register whose bits come in from the right
   * @param n 1..31, or 1..63 for 8 bytes
   */
  static long shld(Cpu c, int size, long a, long b, int n) {
    int bits = 8 * size;
    int unused = 64 - bits;
    long res;
    if (n > bits) {
      res = b << n - bits | b >>> 2 * bits - n;
    } else {
      res = (n == bits ? 0 : a << n) | b >>> bits - n;
    }
    long carry = n > bits ? 0 : a >>> bits - n & 1;
    long top = res << unused;
    boolean sign = n < bits && top < 0;
    c.flagResult = top >> unused;
    c.flagAux = carry << 63 | (sign ? NEXT : 0) | Flags.AUX_AF;
    return res;
  }

  /** SHRD; as {@link #shld}, with the source's bits coming in from the left and OF the xor of the two upper bits. */
  static long shrd(Cpu c, int size, long a, long b, int n) {
    int bits = 8 * size;
    int unused = 64 - bits;
    long res;
    if (n > bits) {
      res = b >>> n - bits | b << 2 * bits - n;
    } else {
      res = (n == bits ? 0 : a >>> n) | b << bits - n;
    }
    long carry = n > bits ? 0 : a >>> n - 1 & 1;
    long top = res << unused;
    c.flagResult = top >> unused;
    c.flagAux = carry << 63 | (carry << 62 ^ top >>> 1 ^ top) & NEXT | Flags.AUX_AF;
    return res;
  }
}
