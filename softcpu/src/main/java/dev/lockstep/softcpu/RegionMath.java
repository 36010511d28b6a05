package dev.lockstep.softcpu;

/** What translated code calls for arithmetic that the JVM has no instruction for. Small on purpose: HotSpot compiles all of it into its callers. */
final class RegionMath {
  private RegionMath() {}

  // ---------------------------------------------------------------- parts of registers

  /** A register with its low byte replaced. */
  static long low8(int value, long register) {
    return register & ~0xffL | value & 0xff;
  }

  /** A register with its second byte replaced. */
  static long high8(int value, long register) {
    return register & ~0xff00L | (value & 0xff) << 8;
  }

  /** A register with its low 16 bits replaced. */
  static long low16(int value, long register) {
    return register & ~0xffffL | value & 0xffff;
  }

  // ---------------------------------------------------------------- conditions of operands

  static boolean equal(long a, long b) {
    return a == b;
  }

  static boolean equal(int a, int b) {
    return a == b;
  }

  static boolean below(long a, long b) {
    return Long.compareUnsigned(a, b) < 0;
  }

  static boolean below(int a, int b) {
    return Integer.compareUnsigned(a, b) < 0;
  }

  static boolean belowOrEqual(long a, long b) {
    return Long.compareUnsigned(a, b) <= 0;
  }

  static boolean belowOrEqual(int a, int b) {
    return Integer.compareUnsigned(a, b) <= 0;
  }

  static boolean less(long a, long b) {
    return a < b;
  }

  static boolean less(int a, int b) {
    return a < b;
  }

  static boolean lessOrEqual(long a, long b) {
    return a <= b;
  }

  static boolean lessOrEqual(int a, int b) {
    return a <= b;
  }

  // ---------------------------------------------------------------- conditions of flags

  static boolean overflow(long result, long aux) {
    return (aux ^ aux << 1) < 0;
  }

  static boolean carry(long result, long aux) {
    return aux < 0;
  }

  static boolean zero(long result, long aux) {
    return result == 0;
  }

  static boolean carryOrZero(long result, long aux) {
    return aux < 0 || result == 0;
  }

  static boolean sign(long result, long aux) {
    return (result ^ aux << 63) < 0;
  }

  static boolean parity(long result, long aux) {
    return (Integer.bitCount((int) (result ^ aux >>> 8) & 0xff) & 1) == 0;
  }

  static boolean signIsNotOverflow(long result, long aux) {
    return sign(result, aux) != overflow(result, aux);
  }

  static boolean zeroOrSignIsNotOverflow(long result, long aux) {
    return result == 0 || sign(result, aux) != overflow(result, aux);
  }

  // ---------------------------------------------------------------- flags

  /** {@code flagAux} of INC or DEC: that of the addition or subtraction with the carry from before. */
  static long keepCarry(long aux, long before) {
    return aux ^ (aux ^ before) >> 63 & (Flags.AUX_CF | Flags.AUX_PO);
  }

  /** {@code flagAux} after MUL with that upper half. */
  static long multiplied(long high, long before) {
    return MulDivOps.auxOverflow(before, high != 0);
  }

  /** {@code flagAux} after IMUL in 64 bits. */
  static long multiplied64(long a, long b, long before) {
    return MulDivOps.auxOverflow(before, Math.multiplyHigh(a, b) != a * b >> 63);
  }

  /** {@code flagAux} after IMUL in 32 bits with that whole product. */
  static long multiplied32(long product, long before) {
    return MulDivOps.auxOverflow(before, product != (int) product);
  }
}
