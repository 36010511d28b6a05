package dev.lockstep.softcpu.oracle;

/**
 * How many cases a campaign has at least.
 *
 * @param perForm of every form
 * @param perVariant of every variant of a form
 */
public record Depth(int perForm, int perVariant) {
  /** Every variant once: a second or two on any CPU that answers in microseconds. */
  public static final Depth GLANCE = new Depth(1, 1);

  public static final Depth SAMPLE = new Depth(200, 16);
  public static final Depth WHOLE = new Depth(4000, 320);

  /** Cases of each of so many variants of one form. */
  int each(int variants) {
    return Math.max(perVariant, (perForm + variants - 1) / variants);
  }
}
