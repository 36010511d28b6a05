package dev.lockstep.cli;

import dev.lockstep.vmm.inspect.LogDifference;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.json.JsonMapper;

/** {@code lockstep log diff}: where two logs part. */
@Command(
    name = "diff",
    description = {
      "Compares two logs: the headers field by field, then the entries, and shows the first difference.",
      "Exit status, as diff(1) has it: 0 if they say the same, 1 if they differ, more for trouble.",
    },
    sortOptions = false)
final class LogDiffCommand implements Callable<Integer> {
  /** They differ. */
  private static final int DIFFERENT = 1;

  @Parameters(index = "0", paramLabel = "FOLDER", description = "A log's folder.")
  private Path first = Path.of("");

  @Parameters(index = "1", paramLabel = "FOLDER", description = "Another log's.")
  private Path second = Path.of("");

  @Option(
      names = "--context",
      paramLabel = "N",
      description = "Entries shown before and behind the difference (default: 3).")
  private int context = 3;

  @Option(names = "--json", description = "One line of JSON.")
  private boolean json;

  @Option(
      names = "--replay",
      description =
          "Replay both as well, and find the first execution point at which their machines differ, with the registers of both.")
  private boolean replay;

  @Override
  public Integer call() {
    Optional<LogDifference> found = LogDifference.between(first, second, Math.max(context, 0));
    if (json) {
      System.out.println(new JsonMapper().writeValueAsString(fields(found.orElse(null))));
    } else if (found.isPresent()) {
      show(found.get(), System.out);
    } else {
      System.out.println("the logs say the same");
    }
    boolean differ = replay && LogBisection.run(first, second, json, System.out);
    return found.isPresent() || differ ? DIFFERENT : ExitStatus.OK;
  }

  private static Map<String, @Nullable Object> fields(@Nullable LogDifference difference) {
    Map<String, @Nullable Object> fields = new LinkedHashMap<>();
    fields.put("same", difference == null);
    if (difference != null) {
      fields.put("where", difference.sequence() < 0 ? "header" : "entry");
      fields.put("entry", difference.sequence() < 0 ? null : difference.sequence());
      fields.put("fields", difference.fields());
      fields.put("before", difference.before());
      fields.put("first", difference.first());
      fields.put("second", difference.second());
    }
    return fields;
  }

  private static void show(LogDifference difference, PrintStream out) {
    out.println(
        difference.sequence() < 0
            ? "the headers differ"
            : "the logs differ first at entry #%d".formatted(difference.sequence()));
    difference
        .fields()
        .forEach((name, values) ->
            out.println("  %s: %s / %s".formatted(name, values.get(0), values.get(1))));
    difference.before().forEach(line -> out.println("  " + line));
    side("-", difference.first(), out);
    side("+", difference.second(), out);
  }

  private static void side(String sign, List<String> lines, PrintStream out) {
    if (lines.isEmpty()) {
      out.println(sign + " (the log has ended)");
    }
    lines.forEach(line -> out.println(sign + " " + line));
  }
}
