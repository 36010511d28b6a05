package dev.lockstep.cli.demo;

import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** One run: a pair is started, its primary killed, its console and its surviving disk judged. */
public final class Demo {
  private static final int IDLE_SECONDS = 8;
  private static final int BOOT_KILL_MAX_MILLIS = 15_000;
  private static final int BUSY_KILL_MAX_MILLIS = 400;
  private static final String ANY_PORT = "127.0.0.1:0";

  private final DemoSettings settings;
  private final PrintStream progress;
  private final Random random;
  private final Path backupDisk;
  private final WorkloadCheck check;
  private final long startedNanos = System.nanoTime();

  private long bootMillis = -1;
  private double lagMillis = -1;
  private double busyBytesPerSecond = -1;
  private double idleBytesPerSecond = -1;

  private Demo(DemoSettings settings, PrintStream progress) {
    this.settings = settings;
    this.progress = progress;
    this.random = new Random(settings.seed());
    this.backupDisk = settings.folder().resolve("backup.disk");
    this.check = new WorkloadCheck(settings.lines());
  }

  /**
   * Runs the demo.
   *
   * @param progress told what happens as it happens
   * @throws IOException if a file or a process cannot be made
   */
  public static DemoResult run(DemoSettings settings, PrintStream progress)
      throws IOException, InterruptedException {
    return new Demo(settings, progress).run();
  }

  private DemoResult run() throws IOException, InterruptedException {
    Path folder = settings.folder();
    Files.createDirectories(folder.resolve("arbiter"));
    Path primaryDisk = folder.resolve("primary.disk");
    Files.copy(settings.disk(), primaryDisk, StandardCopyOption.REPLACE_EXISTING);
    Files.copy(settings.disk(), backupDisk, StandardCopyOption.REPLACE_EXISTING);
    try (ReplicaProcess backup =
        ReplicaProcess.start(
            "backup",
            arguments(backupDisk, List.of("--listen", ANY_PORT)),
            folder.resolve("backup.log"))) {
      int port = backup.await("listening", null, settings.timeoutMillis()).get("listening").asInt();
      say("the backup listens on port %d (its log: %s)", port, folder.resolve("backup.log"));
      try (ReplicaProcess primary =
          ReplicaProcess.start(
              "primary",
              arguments(primaryDisk, List.of("--peer", "127.0.0.1:" + port)),
              folder.resolve("primary.log"))) {
        return withPair(primary, backup);
      }
    } catch (DemoException e) {
      return result(-1, false, e.getMessage());
    }
  }

  private List<String> arguments(Path disk, List<String> own) {
    String pause = settings.moment() == DemoSettings.Moment.IDLE ? " " + IDLE_SECONDS : "";
    List<String> arguments =
        new java.util.ArrayList<>(
            List.of(
                "--arbiter",
                settings.folder().resolve("arbiter").toString(),
                "--json",
                "--console",
                ANY_PORT,
                "--seed",
                Long.toString(settings.seed()),
                "--disk",
                disk.toString(),
                "--append",
                "quiet lockstep.run=\"lockstep-workload %d%s\""
                    .formatted(settings.lines(), pause)));
    arguments.addAll(own);
    return arguments;
  }

  private DemoResult withPair(ReplicaProcess primary, ReplicaProcess backup)
      throws IOException, InterruptedException {
    long timeout = settings.timeoutMillis();
    List<InetSocketAddress> consoles = List.of(console(primary), console(backup));
    try (ConsoleFollower follower = new ConsoleFollower(consoles, check)) {
      primary.await("phase", "protected", timeout);
      say("the pair is protected; the guest boots");
      awaitMoment(primary, follower);
      measure(primary);
      primary.kill();
      follower.watch();
      say("SIGKILL to the primary, after line %d", follower.lines());
      backup.await("role", "primary", timeout);
      say("the backup is live");
      if (!follower.awaitDone(timeout)) {
        return result(
            follower.gapMillis(), false, "the workload did not finish after the failover");
      }
      say("the workload is done: %d lines", follower.lines());
      backup.awaitEnd(timeout);
      return result(follower.gapMillis(), diskAgrees(), check.firstProblem());
    }
  }

  private InetSocketAddress console(ReplicaProcess replica) throws InterruptedException {
    int port = replica.await("console", null, settings.timeoutMillis()).get("console").asInt();
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
  }

  private void awaitMoment(ReplicaProcess primary, ConsoleFollower follower)
      throws InterruptedException {
    if (settings.moment() == DemoSettings.Moment.BOOT) {
      Thread.sleep(random.nextInt(BOOT_KILL_MAX_MILLIS));
      return;
    }
    if (!follower.awaitReady(settings.timeoutMillis())) {
      throw new DemoException("the guest did not come to its session");
    }
    bootMillis = (System.nanoTime() - startedNanos) / 1_000_000;
    say("booted after %.1f s; the workload prints %d lines", bootMillis / 1e3, settings.lines());
    int half = settings.lines() / 2;
    boolean idle = settings.moment() == DemoSettings.Moment.IDLE;
    int line = idle ? half : 1 + random.nextInt(Math.max(1, settings.lines() * 2 / 3));
    long bytes = logBytes(primary);
    long started = System.nanoTime();
    if (!follower.awaitLines(line, settings.timeoutMillis())) {
      throw new DemoException("the workload did not come to line " + line);
    }
    busyBytesPerSecond = rate(logBytes(primary) - bytes, started);
    if (idle) {
      bytes = logBytes(primary);
      started = System.nanoTime();
      Thread.sleep(1000 + random.nextInt((IDLE_SECONDS - 3) * 1000));
      idleBytesPerSecond = rate(logBytes(primary) - bytes, started);
    } else {
      Thread.sleep(random.nextInt(BUSY_KILL_MAX_MILLIS));
    }
  }

  private static double rate(long bytes, long sinceNanos) {
    return bytes / Math.max(1e-3, (System.nanoTime() - sinceNanos) / 1e9);
  }

  private static long logBytes(ReplicaProcess replica) {
    JsonNode status = replica.latest("log_bytes");
    return status == null ? 0 : status.get("log_bytes").asLong();
  }

  private void measure(ReplicaProcess primary) {
    JsonNode status = primary.latest("lag_millis");
    if (status != null) {
      lagMillis = status.get("lag_millis").asDouble();
    }
  }

  /** The file on the backup's disk has the lines that were printed: all of them, in order. */
  private boolean diskAgrees() throws IOException, InterruptedException {
    WorkloadCheck file = new WorkloadCheck(settings.lines());
    SurvivingDisk.workloadLog(backupDisk, settings.folder()).lines().forEach(file::check);
    return file.lines() == settings.lines() && file.repeated() == 0 && file.wrong() == 0;
  }

  private DemoResult result(long failoverMillis, boolean diskAgrees, @Nullable String problem) {
    return new DemoResult(
        bootMillis,
        failoverMillis,
        check.lines(),
        check.lost(),
        check.repeated(),
        lagMillis,
        busyBytesPerSecond,
        idleBytesPerSecond,
        diskAgrees,
        problem);
  }

  private void say(String text, Object... values) {
    progress.printf(
        "[%6.1f s] %s%n", (System.nanoTime() - startedNanos) / 1e9, text.formatted(values));
  }
}
