package dev.lockstep.engine;

/**
 * What {@link ExecutionPoint#digest} is made of, the same on every engine: the sixteen general registers and the system flags of RFLAGS.
 *
 * <p>Left out: CF, PF, AF, ZF, SF and OF, since some instructions leave them undefined and CPUs differ in what they put there, so that a point named by one CPU is found by another; TF and RF, since a monitor that steps
 * sets them itself. Where that makes two moments look alike, whoever names points must see it (only the first moment of a name is named by it).
 */
public final class RegisterDigest {
  private static final int REGISTERS = 16;

  /** OF, SF, ZF, AF, PF, CF; RF and TF; and bit 1, which is always set (Intel SDM vol. 1 3.4.3). */
  private static final long LEFT_OUT = 0x8d5L | 1 << 16 | 1 << 8 | 2;

  private RegisterDigest() {}

  /**
   * The digest; never 0.
   *
   * @param gpr RAX RCX RDX RBX RSP RBP RSI RDI R8..R15 first, in encoding order
   * @param rflags RFLAGS
   */
  public static long of(long[] gpr, long rflags) {
    long hash = 0x9e3779b97f4a7c15L;
    for (int i = 0; i < REGISTERS; i++) {
      hash = mix(hash ^ gpr[i]);
    }
    hash = mix(hash ^ rflags & ~LEFT_OUT);
    return hash == 0 ? 1 : hash;
  }

  private static long mix(long value) {
    long z = (value ^ value >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return z ^ z >>> 31;
  }
}
