package dev.lockstep.softcpu.oracle;

import java.util.Random;

/** Where the operands, the stack and the branch targets of one case are: in its windows, near the boundaries that matter. */
final class Addresses {
  /** How far from the page boundary addresses of small operands are. */
  private static final int REACH = 128;

  private final Random random;
  private final Variant variant;
  private final boolean wild;

  Addresses(Random random, Variant variant) {
    this.random = random;
    this.variant = variant;
    this.wild = variant.isSegmented() && random.nextInt(8) == 0;
  }

  /** Whether branches go beyond the code segment's limit. */
  boolean areWild() {
    return wild;
  }

  /** Where a branch may go; beyond the limit where they are wild. */
  long codeTarget() {
    return wild
        ? beyondLimit()
        : (variant.isSegmented() ? 0 : OracleCase.CODE) + 256 + random.nextInt(1024);
  }

  /** An offset, or a distance, that leads out of the code segment whatever it is cut to. */
  int beyondLimit() {
    return 0x2400 + random.nextInt(0x5000);
  }

  /** The middle of the data window: an address, or an offset in the data segment. */
  long boundary() {
    return variant.isSegmented() ? OracleCase.WINDOW / 2 : OracleCase.DATA + OracleCase.PAGE;
  }

  /** As {@link #boundary}, of the stack. */
  long stackBoundary() {
    return variant.isSegmented() ? OracleCase.WINDOW / 2 : OracleCase.STACK + OracleCase.PAGE;
  }

  /** Room for every push and pop; where there is a limit, sometimes at it. What looks at the stack in advance, or pops many registers, stays away from it. */
  long stack() {
    Form form = variant.form();
    // With a target beyond the limit as well, processors differ in what they look at first.
    boolean elsewhere = form.has("target") && variant.addressing() == Variant.Addressing.OVERRIDE;
    boolean steady =
        wild
            || elsewhere
            || form.has("flagsvalue")
            || form.has("return")
            || form.name().equals("popa");
    if (variant.isSegmented() && !steady && random.nextInt(6) == 0) {
      return random.nextBoolean() ? random.nextInt(8) : OracleCase.WINDOW - random.nextInt(8);
    }
    return stackBoundary() - 64 + random.nextInt(128);
  }

  /** A number of the address's size, with noise above it. */
  long wide(long value) {
    return switch (variant.addressBits()) {
      case 16 -> value & 0xffff | random.nextLong() << 16;
      case 32 -> value & 0xffff_ffffL | random.nextLong() << 32;
      default -> value;
    };
  }

  /** An address in the data window with room for {@code bytes}, near the page boundary often; in a segment sometimes across its limit. */
  long data(int bytes) {
    if (variant.isSegmented() && random.nextInt(6) == 0) {
      return OracleCase.WINDOW - random.nextInt(bytes + 2);
    }
    int wanted = random.nextInt(3) == 0 ? bytes * 2 : Math.max(bytes + 8, REACH - bytes - 8);
    int span = Math.min(wanted, OracleCase.WINDOW / 2);
    long address = boundary() - span + random.nextInt(2 * span - bytes + 1);
    boolean number = variant.form().has("single") || variant.form().has("double");
    return number && random.nextInt(4) != 0 ? address & -8 : address;
  }
}
