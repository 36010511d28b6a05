package dev.lockstep.cli.doctor;

import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.vmm.engine.EngineChoice;
import dev.lockstep.vmm.engine.Purpose;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.json.JsonMapper;

/**
 * What {@link Examination} found: lines for people, one line of JSON for programs.
 *
 * @param findings in the order of the report
 * @param choices what {@code --engine auto} takes
 */
public record Diagnosis(List<Finding> findings, Map<Purpose, EngineChoice> choices) {
  /** Raised when a program that read the last form would misread this one. */
  private static final int JSON_VERSION = 1;

  private static final String LINE = "%-20s %-8s %s%n";

  public Diagnosis {
    findings = List.copyOf(findings);
    choices = Map.copyOf(choices);
  }

  /** Lines: what, verdict, what was found; below, what it means and what to do. */
  public void print(PrintStream to) {
    for (Finding it : findings) {
      to.printf(LINE, it.what(), word(it.verdict()), it.found());
      to.printf(LINE, "", "", it.meaning());
      if (!it.advice().isEmpty()) {
        to.printf(LINE, "", "", "-> " + it.advice());
      }
    }
    to.printf("%n--engine auto takes%n");
    for (Purpose purpose : Purpose.values()) {
      EngineChoice choice = choice(purpose);
      to.printf(LINE, commands(purpose), choice.engine(), choice.reason());
      to.printf(LINE, "", "", "counter: " + choice.counter());
    }
  }

  /** One line of JSON; docs/doctor.md has its schema. */
  public void printJson(PrintStream to) {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (Finding it : findings) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("id", it.id());
      row.put("what", it.what());
      row.put("verdict", word(it.verdict()));
      row.put("found", it.found());
      row.put("meaning", it.meaning());
      row.put("advice", it.advice());
      row.put("values", new TreeMap<>(it.values()));
      rows.add(row);
    }
    List<Map<String, Object>> auto = new ArrayList<>();
    for (Purpose purpose : Purpose.values()) {
      EngineChoice choice = choice(purpose);
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("purpose", word(purpose));
      row.put("engine", choice.engine());
      row.put("counter", choice.counter());
      row.put("reason", choice.reason());
      auto.add(row);
    }
    Map<String, Object> whole = new LinkedHashMap<>();
    whole.put("version", JSON_VERSION);
    whole.put("findings", rows);
    whole.put("auto", auto);
    to.println(new JsonMapper().writeValueAsString(whole));
  }

  private EngineChoice choice(Purpose purpose) {
    EngineChoice choice = choices.get(purpose);
    if (choice == null) {
      throw new IllegalStateException("no engine was chosen for " + purpose);
    }
    return choice;
  }

  private static String word(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  private static String commands(Purpose purpose) {
    return switch (purpose) {
      case FREE_RUNNING -> "run";
      case RECORDED -> "record";
      case REPLICATED -> "primary, backup";
    };
  }
}
