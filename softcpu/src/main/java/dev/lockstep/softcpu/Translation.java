package dev.lockstep.softcpu;

import dev.lockstep.engine.VmmException;
import java.util.Optional;

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

  /** What is hot: so often executed that, if it goes on like that, it saves more than HotSpot's work on it costs (docs/translator.md). */
  public static final Translation ON = new Translation(16_000_000, false, 0);

  /** Everything that can be, at once: for tests. */
  public static final Translation ALWAYS = new Translation(1, true, 0);

  /** The system property that says it where nobody else does. */
  public static final String PROPERTY = "lockstep.translator";

  /** Switches between interpreter and translations at random: for tests. */
  public static Translation mixed(long seed) {
    return new Translation(1, true, seed == 0 ? 1 : seed);
  }

  /** What users ask for: {@code on}, {@code off} or {@code on:THRESHOLD} with a number from 1; empty for anything else. */
  public static Optional<Translation> named(String word) {
    return switch (word) {
      case "on" -> Optional.of(ON);
      case "off" -> Optional.of(OFF);
      default ->
          word.matches("on:0*[1-9]\\d{0,8}")
              ? Optional.of(
                  new Translation(Integer.parseInt(word.substring("on:".length())), false, 0))
              : Optional.empty();
    };
  }

  /**
   * What the system property {@value #PROPERTY} says: what {@link #named} knows, {@code always}, {@code mixed} or {@code mixed:SEED}; without it {@link #OFF}.
   *
   * @throws VmmException if it says something else
   */
  public static Translation configured() {
    String value = System.getProperty(PROPERTY, "off");
    if (value.equals("always")) {
      return ALWAYS;
    }
    if (value.equals("mixed")) {
      return mixed(Long.getLong("lockstep.seed", System.nanoTime()));
    }
    if (value.matches("mixed:-?\\d{1,18}")) {
      return mixed(Long.parseLong(value.substring("mixed:".length())));
    }
    return named(value)
        .orElseThrow(() ->
            new VmmException(
                "the system property %s is '%s'".formatted(PROPERTY, value),
                "It may be off, on, on:THRESHOLD, always, mixed or mixed:SEED."));
  }

  /** The word that says it: {@code off}, {@code on}, {@code on:THRESHOLD}, {@code always} or {@code mixed:SEED}. */
  public String word() {
    if (seed != 0) {
      return "mixed:" + seed;
    }
    if (isOff()) {
      return "off";
    }
    if (waits && threshold == 1) {
      return "always";
    }
    return threshold == ON.threshold ? "on" : "on:" + threshold;
  }

  boolean isOff() {
    return threshold == Integer.MAX_VALUE;
  }
}
