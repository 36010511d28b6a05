package dev.lockstep.softcpu;

/**
 * Two-operand arithmetic and logic with its flags, in the four sizes. Operands may carry garbage above their size; results are sign-extended.
 *
 * <p>AF after AND, OR, XOR and TEST is undefined; here it is 0.
 */
final class Alu {
  /** The operation numbers of opcodes 00..3F and of group 1, and TEST. */
  static final int ADD = 0, OR = 1, ADC = 2, SBB = 3, AND = 4, SUB = 5, XOR = 6, CMP = 7, TEST = 8;

  private static final long AUX64 = Flags.AUX64;

  private Alu() {}

  /** {@code flagAux} of {@code a + b}, with or without a carry in, in 64 bits. */
  static long auxAdd64(long a, long b, long res) {
    return (a & b | (a | b) & ~res) & AUX64;
  }

  /** {@code flagAux} of {@code a - b}, with or without a borrow in, in 64 bits. */
  static long auxSub64(long a, long b, long res) {
    return (~a & b | (~a | b) & res) & AUX64;
  }

  /** {@code flagAux} of {@code a + b} in {@code 64 - shift} bits, of 32 at most; what is above them does not matter. */
  static long auxAdd(int a, int b, int res, int shift) {
    int carries = a & b | (a | b) & ~res;
    return (long) carries << shift | carries & 8;
  }

  /** {@code flagAux} of {@code a - b} in {@code 64 - shift} bits, of 32 at most; what is above them does not matter. */
  static long auxSub(int a, int b, int res, int shift) {
    int carries = ~a & b | (~a | b) & res;
    return (long) carries << shift | carries & 8;
  }

  static long add64(Cpu c, long a, long b) {
    long res = a + b;
    c.flagResult = res;
    c.flagAux = auxAdd64(a, b, res);
    return res;
  }

  static long adc64(Cpu c, long a, long b) {
    long res = a + b + (c.flagAux >>> 63);
    c.flagResult = res;
    c.flagAux = auxAdd64(a, b, res);
    return res;
  }

  static long sub64(Cpu c, long a, long b) {
    long res = a - b;
    c.flagResult = res;
    c.flagAux = auxSub64(a, b, res);
    return res;
  }

  static long sbb64(Cpu c, long a, long b) {
    long res = a - b - (c.flagAux >>> 63);
    c.flagResult = res;
    c.flagAux = auxSub64(a, b, res);
    return res;
  }

  static long logic64(Cpu c, long res) {
    c.flagResult = res;
    c.flagAux = 0;
    return res;
  }

  static int add32(Cpu c, int a, int b) {
    int res = a + b;
    c.flagResult = res;
    c.flagAux = auxAdd(a, b, res, 32);
    return res;
  }

  static int adc32(Cpu c, int a, int b) {
    int res = a + b + (int) (c.flagAux >>> 63);
    c.flagResult = res;
    c.flagAux = auxAdd(a, b, res, 32);
    return res;
  }

  static int sub32(Cpu c, int a, int b) {
    int res = a - b;
    c.flagResult = res;
    c.flagAux = auxSub(a, b, res, 32);
    return res;
  }

  static int sbb32(Cpu c, int a, int b) {
    int res = a - b - (int) (c.flagAux >>> 63);
    c.flagResult = res;
    c.flagAux = auxSub(a, b, res, 32);
    return res;
  }

  static int logic32(Cpu c, int res) {
    c.flagResult = res;
    c.flagAux = 0;
    return res;
  }

  /** CMP of 8 bits: the hottest narrow form. */
  static void cmp8(Cpu c, int a, int b) {
    int res = (byte) (a - b);
    c.flagResult = res;
    c.flagAux = auxSub(a, b, res, 56);
  }

  /** CMP of 16 bits. */
  static void cmp16(Cpu c, int a, int b) {
    int res = (short) (a - b);
    c.flagResult = res;
    c.flagAux = auxSub(a, b, res, 48);
  }

  /** Any of the nine operations, in 64 bits. For CMP and TEST the result is not to be stored. */
  static long apply64(Cpu c, int kind, long a, long b) {
    return switch (kind) {
      case ADD -> add64(c, a, b);
      case OR -> logic64(c, a | b);
      case ADC -> adc64(c, a, b);
      case SBB -> sbb64(c, a, b);
      case AND, TEST -> logic64(c, a & b);
      case XOR -> logic64(c, a ^ b);
      default -> sub64(c, a, b);
    };
  }

  /** Any of the nine operations, in 32 bits. */
  static int apply32(Cpu c, int kind, int a, int b) {
    return switch (kind) {
      case ADD -> add32(c, a, b);
      case OR -> logic32(c, a | b);
      case ADC -> adc32(c, a, b);
      case SBB -> sbb32(c, a, b);
      case AND, TEST -> logic32(c, a & b);
      case XOR -> logic32(c, a ^ b);
      default -> sub32(c, a, b);
    };
  }

  /** Any of the nine operations, in 8 or 16 bits: {@code size} is 1 or 2. */
  static int applyNarrow(Cpu c, int kind, int size, int a, int b) {
    int unused = 32 - 8 * size;
    int raw =
        switch (kind) {
          case ADD -> a + b;
          case ADC -> a + b + Flags.carry(c);
          case OR -> a | b;
          case AND, TEST -> a & b;
          case XOR -> a ^ b;
          case SBB -> a - b - Flags.carry(c);
          default -> a - b;
        };
    int res = raw << unused >> unused;
    int carries =
        switch (kind) {
          case ADD, ADC -> a & b | (a | b) & ~res;
          case SBB, SUB, CMP -> ~a & b | (~a | b) & res;
          default -> 0;
        };
    c.flagResult = res;
    c.flagAux = (long) carries << 32 + unused | carries & 8;
    return res;
  }

  /** Any of the nine operations in any size. */
  static long apply(Cpu c, int kind, int size, long a, long b) {
    return switch (size) {
      case 8 -> apply64(c, kind, a, b);
      case 4 -> apply32(c, kind, (int) a, (int) b);
      default -> applyNarrow(c, kind, size, (int) a, (int) b);
    };
  }

  /** INC in 1, 2, 4 or 8 bytes: ADD 1 that keeps CF. */
  static long inc(Cpu c, int size, long a) {
    boolean carry = Flags.cf(c);
    long res = apply(c, ADD, size, a, 1);
    Flags.setCarry(c, carry);
    return res;
  }

  /** DEC in 1, 2, 4 or 8 bytes: SUB 1 that keeps CF. */
  static long dec(Cpu c, int size, long a) {
    boolean carry = Flags.cf(c);
    long res = apply(c, SUB, size, a, 1);
    Flags.setCarry(c, carry);
    return res;
  }
}
