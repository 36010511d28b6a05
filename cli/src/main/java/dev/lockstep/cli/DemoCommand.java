package dev.lockstep.cli;

import dev.lockstep.cli.demo.Demo;
import dev.lockstep.cli.demo.DemoResult;
import dev.lockstep.cli.demo.DemoSettings;
import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code lockstep demo}: a fault-tolerant Linux VM survives the death of its primary. */
@Command(
    name = "demo",
    description = {
      "Boots a fault-tolerant Linux VM as two processes on this machine, kills its primary with SIGKILL while the guest works, and checks that nothing was lost, repeated or contradicted.",
      "Exit status 0 when all is well, 1 when anything is wrong.",
    },
    sortOptions = false)
final class DemoCommand implements Callable<Integer> {
  private static final int FAILED = 1;
  private static final long TIMEOUT_MILLIS = 600_000;
  private static final int LINES = 80;
  private static final int LINES_PER_KILL = 100;

  /** Enough that the guest is still busy when the backup has come in. */
  private static final int CHECKPOINT_LINES = 150;

  @Option(
      names = "--lines",
      paramLabel = "NUMBER",
      description = "Lines that the workload prints (default: 60, and 100 for each further kill).")
  private @Nullable Integer lines;

  @Option(
      names = "--kill",
      paramLabel = "WHEN",
      defaultValue = "busy",
      description =
          "When the primary dies: boot, busy, idle or checkpoint, which is while a backup joins the running guest (default: ${DEFAULT-VALUE}).")
  private DemoSettings.Moment moment = DemoSettings.Moment.BUSY;

  @Option(
      names = "--kills",
      paramLabel = "NUMBER",
      defaultValue = "1",
      description =
          "Primaries that die one after the other; a new backup joins the running guest in between (default: ${DEFAULT-VALUE}).")
  private int kills = 1;

  @Option(
      names = "--seed",
      paramLabel = "NUMBER",
      description = "Of the moment of the kill and of the guest's random numbers (default: drawn).")
  private @Nullable Long seed;

  @Option(
      names = "--folder",
      paramLabel = "FOLDER",
      description = "Keeps disks and logs of the processes there (default: a temporary one).")
  private @Nullable Path folder;

  @Option(names = "--json", description = "The result as one line of JSON.")
  private boolean json;

  @Override
  public Integer call() throws InterruptedException {
    int wanted = lines();
    long drawn = seed == null ? new SecureRandom().nextLong() >>> 16 : seed;
    try {
      Path place = folder == null ? Files.createTempDirectory("lockstep-demo-") : folder;
      Files.createDirectories(place);
      System.err.printf("demo: seed %d, folder %s%n", drawn, place);
      DemoSettings settings =
          new DemoSettings(
              GuestImage.prepare().disk(), place, wanted, moment, kills, drawn, TIMEOUT_MILLIS);
      DemoResult result = Demo.run(settings, System.err);
      report(result, wanted, drawn).print(System.out, json);
      if (!result.passed()) {
        System.err.printf(
            "demo: FAILED: %s; disks and logs are in %s; repeat with --seed %d%n",
            result.problem() == null ? "see the table" : result.problem(), place, drawn);
        return FAILED;
      }
      return ExitStatus.OK;
    } catch (IOException e) {
      throw new VmmException(
          "the demo's files or processes cannot be made: " + e.getMessage(),
          "Make room in the temporary folder, or give another by --folder.",
          e);
    }
  }

  private int lines() {
    if (kills < 1 || kills > 1 && moment != DemoSettings.Moment.BUSY) {
      throw usage(
          "%d kills are not possible with --kill %s"
              .formatted(kills, moment.name().toLowerCase(Locale.ROOT)),
          "Give --kills 1 or more, and more than one only with --kill busy.");
    }
    int wanted =
        lines != null
            ? lines
            : moment == DemoSettings.Moment.CHECKPOINT
                ? CHECKPOINT_LINES
                : LINES + (kills - 1) * LINES_PER_KILL;
    if (wanted < 2 * kills) {
      throw usage(
          "a workload of %d lines cannot be cut".formatted(wanted),
          "Give --lines %d or more.".formatted(2 * kills));
    }
    return wanted;
  }

  private static VmmException usage(String what, String advice) {
    return new StatusException(ExitStatus.USAGE, new VmmException(what, advice));
  }

  private Report report(DemoResult result, int wanted, long drawn) {
    return new Report()
        .add("passed", "passed", result.passed() ? "yes" : "NO", result.passed())
        .add("guest", "guest", fate(result.fate()), result.fate().name().toLowerCase(Locale.ROOT))
        .add("boot_millis", "boot, as a pair", millis(result.bootMillis()), result.bootMillis())
        .add("live_millis", "kill to live", millis(result.liveMillis()), result.liveMillis())
        .add(
            "failover_millis",
            "kill to new output",
            millis(result.failoverMillis()),
            result.failoverMillis())
        .add("lag_millis", "lag", number(result.lagMillis(), "ms"), result.lagMillis())
        .add(
            "busy_bytes_per_second",
            "log, busy",
            number(result.busyBytesPerSecond(), "bytes/s"),
            result.busyBytesPerSecond())
        .add(
            "idle_bytes_per_second",
            "log, idle",
            number(result.idleBytesPerSecond(), "bytes/s"),
            result.idleBytesPerSecond())
        .add("lines", "lines", "%d of %d".formatted(result.lines(), wanted), result.lines())
        .add("lost", "lines lost", Integer.toString(result.lost()), result.lost())
        .add("repeated", "lines repeated", Integer.toString(result.repeated()), result.repeated())
        .add(
            "disk_agrees",
            "file on the disk",
            result.diskAgrees() ? "agrees" : "DIFFERS",
            result.diskAgrees())
        .add("kills", "kills", kills)
        .add("killed", "killed while", moment.name().toLowerCase(Locale.ROOT))
        .add("seed", "seed", drawn);
  }

  private static String fate(DemoResult.Fate fate) {
    return switch (fate) {
      case WENT_ON -> "went on in the backup";
      case MOVED -> "moved to the backup before the kill: the host is too busy for heartbeats";
      case STAYED -> "went on when the joining backup died";
      case NOT_PROTECTED_YET -> "died with its primary: the joining backup was not in sync yet";
      case UNKNOWN -> "see the error";
    };
  }

  private static String millis(long value) {
    return value < 0 ? "not measured" : "%,d ms".formatted(value);
  }

  private static String number(double value, String unit) {
    return value < 0 ? "not measured" : "%,.0f %s".formatted(value, unit);
  }
}
