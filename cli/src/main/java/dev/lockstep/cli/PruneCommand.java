package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.MemorySize;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.json.JsonMapper;

/** {@code lockstep prune}: removes old logs and snapshots. */
@Command(
    name = "prune",
    description = {
      "Removes logs and snapshots that are too many, too old or too big, the oldest first: those that have their folders in FOLDER, each VM's for itself.",
      "A log that is still recorded stays, and so does a folder with anything else in it.",
    },
    sortOptions = false)
final class PruneCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "FOLDER",
      arity = "1..*",
      description = "Where the folders of logs and snapshots are.")
  private final List<Path> folders = new ArrayList<>();

  @Option(
      names = "--keep",
      paramLabel = "N",
      description = "Keep at most so many of each VM and kind.")
  private @Nullable Integer keep;

  @Option(
      names = "--keep-at-least",
      paramLabel = "N",
      description =
          "Keep so many of the newest of each VM and kind, whatever their age and size (default: ${DEFAULT-VALUE}).")
  private int keepAtLeast = 1;

  @Option(
      names = "--older-than",
      paramLabel = "AGE",
      converter = Age.class,
      description = "Remove what was last written so long ago: 30d, 12h, 45m.")
  private @Nullable Duration olderThan;

  @Option(
      names = "--total",
      paramLabel = "SIZE",
      description =
          "Keep at most so much of each VM and kind: 20G. The holes of a sparse disk image count.")
  private @Nullable String total;

  @Option(names = "--dry-run", description = "Only say what would be removed.")
  private boolean dryRun;

  @Option(names = "--json", description = "One line of JSON for each that goes.")
  private boolean json;

  @Override
  public Integer call() {
    RetentionRule rule = rule();
    Instant now = Instant.now();
    int removed = 0;
    long bytes = 0;
    for (Path folder : folders) {
      for (List<KeptMachine> alike : alike(KeptMachine.in(folder))) {
        for (KeptMachine each : rule.superfluous(alike, now)) {
          if (!dryRun) {
            each.remove();
          }
          print(each, now);
          removed++;
          bytes += each.bytes();
        }
      }
    }
    if (!json) {
      System.err.printf(
          "lockstep: %d %s, %s MiB%n",
          removed, dryRun ? "would be removed" : "removed", "%,d".formatted(bytes >> 20));
    }
    return ExitStatus.OK;
  }

  private RetentionRule rule() {
    if (keep == null && olderThan == null && total == null) {
      throw wrong("nothing says what is to go", "Give --keep, --older-than or --total.");
    }
    if (keep != null && keep < 0 || keepAtLeast < 0) {
      throw wrong("fewer than none cannot be kept", "Give 0 or more.");
    }
    Long totalBytes = null;
    if (total != null) {
      OptionalLong parsed = MemorySize.parse(total);
      if (parsed.isEmpty()) {
        throw wrong("--total '%s' is no size".formatted(total), "Write 500M or 20G.");
      }
      totalBytes = parsed.getAsLong();
    }
    int atLeast = keep == null ? keepAtLeast : Math.min(keep, keepAtLeast);
    return new RetentionRule(keep, atLeast, olderThan, totalBytes);
  }

  private static StatusException wrong(String what, String advice) {
    return new StatusException(ExitStatus.USAGE, new VmmException(what, advice));
  }

  /** Logs do not push out snapshots, nor one VM's those of another. */
  private static List<List<KeptMachine>> alike(List<KeptMachine> all) {
    return List.copyOf(
        all.stream().collect(Collectors.groupingBy(it -> it.kind() + " " + it.vm())).values());
  }

  private void print(KeptMachine each, Instant now) {
    String kind = each.kind().name().toLowerCase(Locale.ROOT);
    if (json) {
      System.out.println(
          new JsonMapper()
              .writeValueAsString(
                  Map.of(
                      "folder",
                      each.folder().toString(),
                      "kind",
                      kind,
                      "vm",
                      each.vm(),
                      "written",
                      each.written().toString(),
                      "bytes",
                      each.bytes(),
                      "removed",
                      !dryRun)));
    } else {
      System.out.printf(
          "%s %s of '%s', %,d MiB, %s old%n",
          kind,
          each.folder(),
          each.vm(),
          each.bytes() >> 20,
          age(Duration.between(each.written(), now)));
    }
  }

  private static String age(Duration age) {
    if (age.toDays() > 1) {
      return age.toDays() + " days";
    }
    return age.toHours() > 1 ? age.toHours() + " hours" : age.toMinutes() + " minutes";
  }
}
