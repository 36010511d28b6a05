package dev.lockstep.softcpu;

import dev.lockstep.engine.VmmException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * When hot code is translated, and into what. None of it is visible to the guest.
 *
 * @param target what it becomes
 * @param threshold executed instructions of one block after which it is worth a translation; 0 for what fits the target, {@link Integer#MAX_VALUE} for never
 * @param waits whether the vCPU waits for a translation that another thread makes, which makes what happens repeatable; else it goes on meanwhile
 * @param seed where not 0, whether a translation is made or used is thrown for each time: for tests
 */
public record Translation(Target target, int threshold, boolean waits, long seed) {
  /** What code is translated into. */
  public enum Target {
    /** Code of the host's processor, block by block, made at once. x86-64 hosts only; others take {@link #BYTECODE}. */
    HOST,

    /** Bytecode of the JVM, some blocks at a time, which HotSpot compiles in the background. */
    BYTECODE;

    /** Whether this host can execute it. */
    public boolean isPossible() {
      return this == BYTECODE || NativeSelfTest.passes();
    }
  }

  /** The interpreter alone. */
  public static final Translation OFF = new Translation(Target.HOST, Integer.MAX_VALUE, false, 0);

  /** What is hot. */
  public static final Translation ON = new Translation(Target.HOST, 0, false, 0);

  /** Everything that can be, at once: for tests. */
  public static final Translation ALWAYS = new Translation(Target.HOST, 1, true, 0);

  /** The system property that says it where nobody else does. */
  public static final String PROPERTY = "lockstep.translator";

  private static final Pattern WORD =
      Pattern.compile("(?<target>on|bytecode)(:0*(?<threshold>[1-9]\\d{0,8}))?");
  private static final Pattern TEST_WORD =
      Pattern.compile("(?<target>bytecode-)?(?<how>always|mixed)(:(?<seed>-?\\d{1,18}))?");

  /** Switches between interpreter and translations at random: for tests. */
  public static Translation mixed(Target target, long seed) {
    return new Translation(target, 1, true, seed == 0 ? 1 : seed);
  }

  /** What users ask for: {@code on}, {@code off}, {@code bytecode}, {@code on:THRESHOLD} or {@code bytecode:THRESHOLD} with a number from 1; empty for anything else. */
  public static Optional<Translation> named(String word) {
    if (word.equals("off")) {
      return Optional.of(OFF);
    }
    Matcher matcher = WORD.matcher(word);
    if (!matcher.matches()) {
      return Optional.empty();
    }
    Target target = matcher.group("target").equals("on") ? Target.HOST : Target.BYTECODE;
    String threshold = matcher.group("threshold");
    return Optional.of(
        new Translation(target, threshold == null ? 0 : Integer.parseInt(threshold), false, 0));
  }

  /**
   * What the system property {@value #PROPERTY} says: what {@link #named} knows, {@code always}, {@code mixed} or {@code mixed:SEED}, or one of these with {@code bytecode-} before it; without it
   * {@link #ON}.
   *
   * @throws VmmException if it says something else
   */
  public static Translation configured() {
    String value = System.getProperty(PROPERTY, "on");
    Matcher matcher = TEST_WORD.matcher(value);
    if (matcher.matches()) {
      Target target = matcher.group("target") == null ? Target.HOST : Target.BYTECODE;
      String seed = matcher.group("seed");
      if (matcher.group("how").equals("mixed")) {
        return mixed(
            target,
            seed == null ? Long.getLong("lockstep.seed", System.nanoTime()) : Long.parseLong(seed));
      }
      if (seed == null) {
        return new Translation(target, 1, true, 0);
      }
    }
    return named(value)
        .orElseThrow(() ->
            new VmmException(
                "the system property %s is '%s'".formatted(PROPERTY, value),
                "It may be off, on, on:THRESHOLD, bytecode, bytecode:THRESHOLD, or for tests always, mixed or mixed:SEED, and these with bytecode- before them."));
  }

  /** The word that says it: what {@link #named} or {@link #configured} takes. */
  public String word() {
    String prefix = target == Target.HOST ? "" : "bytecode-";
    if (seed != 0) {
      return prefix + "mixed:" + seed;
    }
    if (isOff()) {
      return "off";
    }
    if (waits && threshold == 1) {
      return prefix + "always";
    }
    String word = target == Target.HOST ? "on" : "bytecode";
    return threshold == 0 ? word : word + ":" + threshold;
  }

  boolean isOff() {
    return threshold == Integer.MAX_VALUE;
  }

  /** The translations of a vCPU that are made so. */
  HotCode hotCode(Cpu c, BlockCache cache) {
    if (isOff()) {
      return HotCode.NONE;
    }
    if (target == Target.HOST && NativeCode.isPossible(c)) {
      return new NativeCode(c, cache, this);
    }
    return new Regions(c, cache, this);
  }
}
