package dev.lockstep.counting.calibration;

import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.Transition;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What calibration found of a counter, kept for the next start. It holds for the CPU, microcode and kernel that it names; whoever loads it compares them.
 *
 * @param cpu the host's CPU, microcode and kernel, in one line
 * @param event the counter's name
 * @param pmuType the PMU's number
 * @param config the event's number
 * @param companionConfig the number of the event to subtract, 0 for none
 * @param semantics what it counts
 * @param limits how its overflows behave
 * @param excess what to subtract
 */
public record CounterProfile(
    String cpu,
    String event,
    int pmuType,
    long config,
    long companionConfig,
    BranchSemantics semantics,
    CounterLimits limits,
    ExcessTable excess) {
  private static final String VERSION = "1";
  private static final String EXCESS = "excess.";
  private static final long MAX_BYTES = 1 << 16;
  private static final Set<String> FIELDS =
      Set.of(
          "version",
          "cpu",
          "event",
          "pmu_type",
          "config",
          "companion_config",
          "semantics",
          "skid_bound",
          "minimum_period",
          "reopens_to_arm");

  /** The profile as lines {@code name = value}, sorted. */
  public String toText() {
    TreeMap<String, String> fields = new TreeMap<>();
    fields.put("version", VERSION);
    fields.put("cpu", cpu);
    fields.put("event", event);
    fields.put("pmu_type", Integer.toString(pmuType));
    fields.put("config", "0x" + Long.toHexString(config));
    fields.put("companion_config", "0x" + Long.toHexString(companionConfig));
    fields.put("semantics", semantics.name());
    fields.put("skid_bound", Long.toString(limits.skidBound()));
    fields.put("minimum_period", Long.toString(limits.minimumPeriod()));
    fields.put("reopens_to_arm", Boolean.toString(limits.reopensToArm()));
    excess.perTransition().forEach((kind, events) -> fields.put(EXCESS + kind.name(), "" + events));
    StringBuilder text =
        new StringBuilder(
            "# A branch counter, as calibrated. Written by lockstep doctor --calibrate.\n");
    fields.forEach((name, value) -> text.append(name).append(" = ").append(value).append('\n'));
    return text.toString();
  }

  /**
   * Writes the profile, whole or not at all.
   *
   * @throws VmmException if the file cannot be written
   */
  public void save(Path file) {
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    try {
      Path folder = file.toAbsolutePath().getParent();
      if (folder != null) {
        Files.createDirectories(folder);
      }
      Files.writeString(fresh, toText());
      Files.move(
          fresh,
          file,
          java.nio.file.StandardCopyOption.REPLACE_EXISTING,
          java.nio.file.StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new VmmException(
          "the counter profile %s cannot be written: %s".formatted(file, e.getMessage()),
          "Name a folder that this user may write to.",
          e);
    }
  }

  /**
   * Reads a profile.
   *
   * @throws VmmException naming the field that is missing, unknown or out of range
   */
  public static CounterProfile load(Path file) {
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw refused(file.toString(), "the file is longer than any profile");
      }
      return parse(Files.readString(file), file.toString());
    } catch (IOException e) {
      throw new VmmException(
          "the counter profile %s cannot be read: %s".formatted(file, e.getMessage()),
          "Run lockstep doctor --calibrate.",
          e);
    }
  }

  /**
   * The profile of a text that {@link #toText} made.
   *
   * @param source what to call it in errors
   */
  static CounterProfile parse(String text, String source) {
    Properties properties = new Properties();
    try {
      properties.load(new StringReader(text));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (IllegalArgumentException e) {
      throw refused(source, "it holds a malformed escape");
    }
    Fields fields = new Fields(properties, source);
    fields.refuseUnknown();
    if (!fields.text("version").equals(VERSION)) {
      throw refused(source, "version is '%s', not %s".formatted(fields.text("version"), VERSION));
    }
    CounterLimits limits =
        new CounterLimits(
            fields.number("skid_bound", 0, 1L << 40),
            fields.number("minimum_period", 1, 1L << 40),
            fields.truth("reopens_to_arm"));
    return new CounterProfile(
        fields.text("cpu"),
        fields.text("event"),
        (int) fields.number("pmu_type", 0, Integer.MAX_VALUE),
        fields.number("config", 0, Long.MAX_VALUE),
        fields.number("companion_config", 0, Long.MAX_VALUE),
        fields.semantics(),
        limits,
        fields.excess());
  }

  private static VmmException refused(String source, String why) {
    return new VmmException(
        "the counter profile %s is refused: %s".formatted(source, why),
        "Run lockstep doctor --calibrate to make a new one.");
  }

  /** The fields of a text, each checked as it is taken. */
  private record Fields(Properties properties, String source) {
    void refuseUnknown() {
      for (String name : new TreeSet<>(properties.stringPropertyNames())) {
        if (!FIELDS.contains(name) && !name.startsWith(EXCESS)) {
          throw refused(source, "there is no field '%s'".formatted(name));
        }
      }
    }

    String text(String name) {
      String value = properties.getProperty(name);
      if (value == null || value.isBlank()) {
        throw refused(source, "field '%s' is missing".formatted(name));
      }
      return value.strip();
    }

    long number(String name, long least, long most) {
      String value = text(name);
      long number;
      try {
        number = Long.decode(value);
      } catch (NumberFormatException e) {
        throw refused(source, "%s = '%s' is not a number".formatted(name, value));
      }
      if (number < least || number > most) {
        throw refused(source, "%s = %d is not in %d..%d".formatted(name, number, least, most));
      }
      return number;
    }

    boolean truth(String name) {
      String value = text(name);
      if (!value.equals("true") && !value.equals("false")) {
        throw refused(source, "%s = '%s' is neither true nor false".formatted(name, value));
      }
      return value.equals("true");
    }

    BranchSemantics semantics() {
      String value = text("semantics");
      for (BranchSemantics known : BranchSemantics.values()) {
        if (known.name().equals(value)) {
          return known;
        }
      }
      throw refused(source, "semantics = '%s' is unknown".formatted(value));
    }

    ExcessTable excess() {
      Map<Transition, Long> table = new EnumMap<>(Transition.class);
      for (String name : properties.stringPropertyNames()) {
        if (name.startsWith(EXCESS)) {
          table.put(transition(name), number(name, -1_000, 1_000));
        }
      }
      return new ExcessTable(table);
    }

    private Transition transition(String name) {
      for (Transition kind : Transition.values()) {
        if (kind.isVisible() && kind.name().equals(name.substring(EXCESS.length()))) {
          return kind;
        }
      }
      throw refused(source, "there is no field '%s'".formatted(name));
    }
  }
}
