package dev.lockstep.counting.host;

/** Whether a Zen CPU maps locked instructions speculatively, which spoils its count of conditional branches: MSR C001_1020, bit 54 set switches it off. */
public sealed interface SpecLockMap {
  /** Not a Zen CPU. */
  enum NotThere implements SpecLockMap {
    NOT_THERE
  }

  /**
   * The register was read.
   *
   * @param disabled whether every CPU has it switched off, as an exact count needs
   */
  record Known(boolean disabled) implements SpecLockMap {}

  /**
   * It could not be read.
   *
   * @param why in words
   */
  record Unknown(String why) implements SpecLockMap {}
}
