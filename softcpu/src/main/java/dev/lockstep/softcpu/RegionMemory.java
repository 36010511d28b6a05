package dev.lockstep.softcpu;

/**
 * The guest's memory for translated code: one method for every access, whose compiled form is too big for HotSpot to copy into its callers. Copied into each place, the accesses made the compilation of a
 * region take two to three times as long, which most regions never earn back.
 */
final class RegionMemory {
  /** What to do; the binary logarithm of the number of bytes is added. */
  static final int LOAD = 0, LOAD_FOR_WRITE = 4, STORE = 8;

  private RegionMemory() {}

  /**
   * Loads or stores.
   *
   * @param how one of the constants and 0..3
   * @param value what to store
   * @return what was loaded, zero-extended; 0 for a store
   */
  static long access(Mmu mmu, int how, long linear, long value) {
    switch (how) {
      case LOAD:
        return mmu.load8(linear);
      case LOAD + 1:
        return mmu.load16(linear);
      case LOAD + 2:
        return mmu.load32(linear);
      case LOAD + 3:
        return mmu.load64(linear);
      case LOAD_FOR_WRITE:
        return mmu.loadForWrite8(linear);
      case LOAD_FOR_WRITE + 1:
        return mmu.loadForWrite16(linear);
      case LOAD_FOR_WRITE + 2:
        return mmu.loadForWrite32(linear);
      case LOAD_FOR_WRITE + 3:
        return mmu.loadForWrite64(linear);
      case STORE:
        mmu.store8(linear, value);
        return 0;
      case STORE + 1:
        mmu.store16(linear, value);
        return 0;
      case STORE + 2:
        mmu.store32(linear, value);
        return 0;
      case STORE + 3:
        mmu.store64(linear, value);
        return 0;
      default:
        throw new IllegalArgumentException("no access to memory has the number " + how);
    }
  }
}
