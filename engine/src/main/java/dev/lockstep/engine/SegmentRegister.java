package dev.lockstep.engine;

/**
 * One segment register with its hidden part (Intel SDM vol. 3A 3.4.3): CS, SS, DS, ES, FS, GS, LDTR or TR.
 *
 * <p>{@link #access} has the descriptor's access rights as in bits 40..55 of a descriptor without the limit: bits 3:0 type, 4 S, 6:5 DPL, 7 P, 12 AVL, 13 L, 14 D/B, 15 G; plus bit 16, "unusable", set for
 * a register that holds a null selector (as in the VMCS, SDM vol. 3C 24.4.1).
 */
public final class SegmentRegister {
  /** {@link #access} bit: the register holds a null selector. */
  public static final int UNUSABLE = 1 << 16;

  /** The visible selector, 0..0xffff. */
  public int selector;

  /** Linear base. */
  public long base;

  /** Limit in bytes, granularity already applied: the last valid offset, 0..0xffffffff. */
  public long limit;

  /** Access rights, see the class comment. */
  public int access;

  /** Copies all fields. */
  public void set(SegmentRegister from) {
    set(from.selector, from.base, from.limit, from.access);
  }

  /** Sets all fields. */
  public void set(int selector, long base, long limit, int access) {
    this.selector = selector;
    this.base = base;
    this.limit = limit;
    this.access = access;
  }

  /** Descriptor type, 0..15. */
  public int type() {
    return access & 0xf;
  }

  /** Descriptor privilege level, 0..3. */
  public int dpl() {
    return (access >> 5) & 3;
  }

  /** Present, and not a null selector. */
  public boolean usable() {
    return (access & UNUSABLE) == 0;
  }

  /** L: 64-bit code. */
  public boolean isLong() {
    return (access & (1 << 13)) != 0;
  }

  /** D/B: 32-bit code or stack. */
  public boolean isBig() {
    return (access & (1 << 14)) != 0;
  }

  @Override
  public String toString() {
    return "%04x base=%x limit=%x access=%x".formatted(selector, base, limit, access);
  }
}
