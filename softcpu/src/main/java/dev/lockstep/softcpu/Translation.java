package dev.lockstep.softcpu;

/**
 * When hot code is translated. None of it is visible to the guest.
 *
 * @param threshold executed instructions of one block after which it is worth a translation; {@link Integer#MAX_VALUE} for never
 * @param waits whether the vCPU waits for the translation, which makes what happens repeatable; else it goes on meanwhile
 * @param seed where not 0, whether a translation is made or used is thrown for each time: for tests
 */
public record Translation(int threshold, boolean waits, long seed) {
  /** The interpreter alone. */
  public static final Translation OFF = new Translation(Integer.MAX_VALUE, false, 0);

  /** What is hot. */
  public static final Translation ON = new Translation(4_000_000, false, 0);

  /** Everything that can be, at once: for tests. */
  public static final Translation ALWAYS = new Translation(1, true, 0);

  private static final String PROPERTY = "lockstep.translator";

  /** Switches between interpreter and translations at random: for tests. */
  public static Translation mixed(long seed) {
    return new Translation(1, true, seed == 0 ? 1 : seed);
  }

  /**
   * What the system property {@code lockstep.translator} says: {@code on}, {@code on:THRESHOLD}, {@code off}, {@code always}, {@code mixed} or {@code mixed:SEED}; without it {@link #OFF}.
   *
   * @throws IllegalArgumentException if it says something else
   */
  public static Translation configured() {
    String value = System.getProperty(PROPERTY, "off");
    return switch (value) {
      case "on" -> ON;
      case "off" -> OFF;
      case "always" -> ALWAYS;
      case "mixed" -> mixed(Long.getLong("lockstep.seed", System.nanoTime()));
      default -> {
        if (value.startsWith("mixed:")) {
          yield mixed(Long.parseLong(value.substring("mixed:".length())));
        }
        if (value.startsWith("on:")) {
          yield new Translation(Integer.parseInt(value.substring("on:".length())), false, 0);
        }
        throw new IllegalArgumentException(
            "the system property %s is '%s': it may be on, on:THRESHOLD, off, always, mixed or mixed:SEED"
                .formatted(PROPERTY, value));
      }
    };
  }

  boolean isOff() {
    return threshold == Integer.MAX_VALUE;
  }
}
