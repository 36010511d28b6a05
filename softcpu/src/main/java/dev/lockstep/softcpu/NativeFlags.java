package dev.lockstep.softcpu;

/**
 * Arithmetic flags as translated code has them in memory: bits 15:8 are what LAHF puts into AH (SF ZF AF PF CF in their places in RFLAGS), bit 0 is OF. Everything else is meaningless.
 */
final class NativeFlags {
  /** Bit of CF. */
  static final int CARRY_BIT = 8;

  private static final int OF_SHIFT = 11;
  private static final int IN_AH = Flags.ARITHMETIC & ~Flags.OF;

  private NativeFlags() {}

  /** Those of the CPU. */
  static long of(Cpu c) {
    int flags = Flags.arithmetic(c);
    return (long) (flags & IN_AH) << CARRY_BIT | flags >>> OF_SHIFT;
  }

  /** Sets those of the CPU. */
  static void set(Cpu c, long value) {
    int flags = (int) value;
    Flags.setArithmetic(c, flags >>> CARRY_BIT & IN_AH | (flags & 1) << OF_SHIFT);
  }
}
