package dev.lockstep.cli;

import dev.lockstep.vmm.inspect.EntryText;
import dev.lockstep.vmm.log.EventLogReader;
import dev.lockstep.vmm.log.LogEnding;
import dev.lockstep.vmm.log.LogEntry;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/** {@code lockstep log dump}: a log's entries, one a line. */
@Command(
    name = "dump",
    description = {
      "Prints a log's entries: number, moment, kind, and what belongs to the kind.",
      "Exit status 65 if the log is torn or corrupted, after the entries of its good part.",
    },
    sortOptions = false)
final class LogDumpCommand implements Callable<Integer> {
  private static final int BUFFER_BYTES = 1 << 16;
  private static final JsonMapper JSON = new JsonMapper();

  @Parameters(paramLabel = "FOLDER", description = "The folder that record wrote.")
  private Path log = Path.of("");

  @Option(
      names = "--from",
      paramLabel = "#ENTRY|COUNT",
      description = "The first entry: by number, or the first with that branch count.")
  private @Nullable String from;

  @Option(
      names = "--to",
      paramLabel = "#ENTRY|COUNT",
      description = "The last entry: by number, or the last with that branch count.")
  private @Nullable String to;

  @Option(
      names = "--kind",
      paramLabel = "KIND",
      split = ",",
      description =
          "Only these: console-input, disk-completion, entropy-input, network-input, control, clock, output, digest, checkpoint, uncertain, end.")
  private List<String> kinds = new ArrayList<>();

  @Option(names = "--json", description = "Each entry as a line of JSON.")
  private boolean json;

  @Spec private CommandSpec command = CommandSpec.create();

  /** A place among the entries: by number or by branch count. */
  private record Place(boolean byNumber, long value) {
    /** Less than, equal to or more than 0: the entry lies before it, at it, behind it. */
    int compare(long sequence, LogEntry entry) {
      return Long.compare(byNumber ? sequence : entry.at().count(), value);
    }
  }

  @Override
  public Integer call() {
    for (String kind : kinds) {
      if (!EntryText.KINDS.contains(kind)) {
        throw new ParameterException(
            command.commandLine(),
            "there is no kind of entry '%s'; there are %s"
                .formatted(kind, String.join(", ", EntryText.KINDS)));
      }
    }
    Place first = place("--from", from);
    Place last = place("--to", to);
    try (EventLogReader reader = new EventLogReader(log)) {
      // Standard output as it is flushes at each line, which a log has many of.
      PrintStream out =
          new PrintStream(
              new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), BUFFER_BYTES),
              false,
              StandardCharsets.UTF_8);
      EntryText text = new EntryText(reader.header());
      long sequence = 0;
      for (LogEntry entry = reader.next(); entry != null; entry = reader.next()) {
        if (last != null && last.compare(sequence, entry) > 0) {
          out.flush();
          return ExitStatus.OK;
        }
        if (first == null || first.compare(sequence, entry) >= 0) {
          print(out, text, sequence, entry);
        }
        sequence++;
      }
      out.flush();
      LogEnding ending = reader.ending();
      int status = ending == null ? ExitStatus.OK : LogInfoCommand.ofEnding(ending);
      if (status != ExitStatus.OK) {
        throw new StatusException(status, Objects.requireNonNull(ending).asException());
      }
      return status;
    }
  }

  private void print(PrintStream out, EntryText text, long sequence, LogEntry entry) {
    if (kinds.isEmpty() || kinds.contains(EntryText.kind(entry))) {
      out.println(
          json
              ? JSON.writeValueAsString(text.fields(sequence, entry))
              : text.line(sequence, entry));
    }
  }

  private @Nullable Place place(String option, @Nullable String value) {
    if (value == null) {
      return null;
    }
    boolean number = value.startsWith("#");
    try {
      return new Place(number, Long.parseLong(number ? value.substring(1) : value));
    } catch (NumberFormatException e) {
      throw new ParameterException(
          command.commandLine(),
          "%s: '%s' is no place in a log; write #12 for entry 12, or a branch count"
              .formatted(option, value),
          e);
    }
  }
}
