package dev.lockstep.cli;

import dev.lockstep.vmm.inspect.LogDifference;
import dev.lockstep.vmm.inspect.LogSummary;
import dev.lockstep.vmm.log.LogEnding;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.replay.Checkpoints;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lockstep log info}: what a log says of itself, and what it holds in all. */
@Command(
    name = "info",
    description = {
      "Tells what a log was recorded with, what it holds, how it ends and how far it is certain.",
      "Exit status 65 if the log is torn or corrupted; what can be read of it is told all the same.",
    },
    sortOptions = false)
final class LogInfoCommand implements Callable<Integer> {
  @Parameters(paramLabel = "FOLDER", description = "The folder that record wrote.")
  private Path log = Path.of("");

  @Option(names = "--json", description = "One line of JSON.")
  private boolean json;

  @Override
  public Integer call() {
    LogSummary summary = LogSummary.of(log);
    Report report = new Report();
    LogDifference.fields(summary.header()).forEach((name, value) -> report.add(name, name, value));
    totals(report, summary);
    span(report, summary);
    checkpoints(report, Checkpoints.in(log));
    report.print(System.out, json);
    return ofEnding(summary.ending());
  }

  /** The status for how a log's files end. */
  static int ofEnding(LogEnding ending) {
    return switch (ending.kind()) {
      case COMPLETE, UNFINISHED -> ExitStatus.OK;
      case TORN, CORRUPT -> ExitStatus.DATA;
    };
  }

  private static void totals(Report report, LogSummary summary) {
    report.add("entries", "entries", summary.entries());
    StringBuilder kinds = new StringBuilder();
    summary
        .kinds()
        .forEach((kind, count) ->
            kinds.append(kinds.isEmpty() ? "" : ", ").append("%,d %s".formatted(count, kind)));
    report.add("kinds", "of these", kinds.toString(), summary.kinds());
    report.add("segments", "segments", summary.segments());
    report.add("bytes", "bytes", summary.bytes());
    report.add("input_bytes", "of these, input", summary.inputBytes());
  }

  private static void span(Report report, LogSummary summary) {
    long from = summary.header().start().count();
    long branches = summary.last().count() - from;
    report.add(
        "branches",
        "branches",
        "%,d, from %,d to %,d".formatted(branches, from, summary.last().count()),
        branches);
    double seconds = (summary.atLeastNanos() - summary.header().startNanos()) / 1e9;
    report.add(
        "virtual_seconds_at_least", "virtual time", "at least %.3f s".formatted(seconds), seconds);
    report.add("last", "last entry at", summary.last());
    LogEnding ending = summary.ending();
    report.add(
        "ending",
        "the file ends",
        switch (ending.kind()) {
          case COMPLETE -> "complete";
          case UNFINISHED -> "without an end mark";
          case TORN, CORRUPT ->
              "%s, in '%s' at offset %d: %s"
                  .formatted(
                      ending.kind().name().toLowerCase(Locale.ROOT),
                      ending.file(),
                      ending.offset(),
                      ending.detail());
        },
        ending.kind().name().toLowerCase(Locale.ROOT));
    var end = summary.end();
    if (end != null) {
      report.add(
          "end",
          "the run ends",
          ExitStatus.describe(end.reason()),
          end.reason().name().toLowerCase(Locale.ROOT));
    }
    Moment uncertain = summary.uncertainFrom();
    report.add(
        "certain",
        "certain",
        uncertain == null ? "to its end" : "up to " + uncertain + ", and no further",
        uncertain == null ? "whole" : uncertain.toString());
  }

  private static void checkpoints(Report report, List<Checkpoints.Checkpoint> checkpoints) {
    List<Map<String, Object>> values = checkpoints.stream().map(LogInfoCommand::fields).toList();
    report.add(
        "checkpoints",
        "checkpoints",
        checkpoints.isEmpty()
            ? "none"
            : "%d, %,d bytes, the last at entry #%d, %.3f s"
                .formatted(
                    checkpoints.size(),
                    checkpoints.stream().mapToLong(Checkpoints.Checkpoint::bytes).sum(),
                    checkpoints.getLast().sequence(),
                    checkpoints.getLast().virtualNanos() / 1e9),
        values);
  }

  private static Map<String, Object> fields(Checkpoints.Checkpoint it) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("file", String.valueOf(it.file().getFileName()));
    fields.put("entry", it.sequence());
    fields.put("count", it.count());
    fields.put("virtual_seconds", it.virtualNanos() / 1e9);
    fields.put("bytes", it.bytes());
    return fields;
  }
}
