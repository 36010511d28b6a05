package dev.lockstep.cli;

import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** A command's result: a table for people, one line of JSON for programs. */
final class Report {
  /** A value with its key for programs, and its name and form for people. */
  private record Row(String name, String shown, @Nullable Object value) {}

  private final Map<String, Row> rows = new LinkedHashMap<>();

  /** Adds a row. */
  Report add(String key, String name, String shown, @Nullable Object value) {
    rows.put(key, new Row(name, shown, value));
    return this;
  }

  /** Adds a row that is shown as it is. */
  Report add(String key, String name, Object value) {
    return add(key, name, value instanceof Long it ? "%,d".formatted(it) : value.toString(), value);
  }

  /** Prints it in one form or the other. */
  void print(PrintStream to, boolean json) {
    if (json) {
      Map<String, @Nullable Object> values = new LinkedHashMap<>();
      rows.forEach((key, row) -> values.put(key, row.value()));
      to.println(new JsonMapper().writeValueAsString(values));
      return;
    }
    int width = rows.values().stream().mapToInt(row -> row.name().length()).max().orElse(0);
    rows.values()
        .forEach(row -> to.println(("%-" + width + "s  %s").formatted(row.name(), row.shown())));
  }
}
