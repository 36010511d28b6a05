package dev.lockstep.cli.demo;

import dev.lockstep.cli.demo.DemoResult.Fate;
import dev.lockstep.cli.demo.DemoSettings.Moment;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** One run: a pair is started, its primary killed, its console and its surviving disk judged. */
public final class Demo {
  private static final int IDLE_SECONDS = 6;
  private static final int IDLE_AFTER_LINES = 15;
  private static final int SETTLE_MILLIS = 500;
  private static final int IDLE_MEASURED_MILLIS = 3_000;
  private static final int BOOT_KILL_MAX_MILLIS = 15_000;
  private static final int BUSY_KILL_MAX_MILLIS = 400;
  private static final int CHECKPOINT_KILL_MAX_MILLIS = 2_500;

  private final DemoSettings settings;
  private final PrintStream progress;
  private final Random random;
  private final WorkloadCheck check;
  private final long startedNanos = System.nanoTime();

  private long killedNanos;
  private long bootMillis = -1;
  private long liveMillis = -1;
  private long failoverMillis = -1;
  private double lagMillis = -1;
  private double busyBytesPerSecond = -1;
  private double idleBytesPerSecond = -1;

  private Demo(DemoSettings settings, PrintStream progress) {
    this.settings = settings;
    this.progress = progress;
    this.random = new Random(settings.seed());
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
    String workload =
        switch (settings.moment()) {
          case IDLE, BUSY ->
              "lockstep-workload %d %d %d".formatted(settings.lines(), IDLE_SECONDS, idleAfter());
          case BOOT, CHECKPOINT -> "lockstep-workload " + settings.lines();
        };
    try (Pair pair = new Pair(settings, workload)) {
      return settings.moment() == Moment.CHECKPOINT ? joining(pair) : failovers(pair);
    } catch (DemoException e) {
      return result(Fate.UNKNOWN, false, e.getMessage());
    }
  }

  // ---- a protected pair

  private DemoResult failovers(Pair pair) throws IOException, InterruptedException {
    ReplicaProcess backup = pair.waiting("backup");
    ReplicaProcess primary = pair.primary("primary", backup);
    say("backup and primary are started; their disks and logs are in %s", settings.folder());
    try (ConsoleFollower follower = new ConsoleFollower(pair.console(primary), check)) {
      follower.add(pair.console(backup));
      awaitProtected(primary);
      say("the pair is protected; the guest boots");
      if (settings.moment() != Moment.BOOT) {
        awaitBoot(follower);
      }
      for (int kill = 1; ; kill++) {
        try {
          awaitMoment(primary, follower, kill);
          // Whatever happened meanwhile: a primary without a backup would take its guest with it.
          awaitProtected(primary);
        } catch (DemoException e) {
          return movedBeforeTheKill(pair, primary, backup, follower, e);
        }
        kill(primary, follower);
        backup.await(
            "it was live",
            status -> ReplicaProcess.is(status, "primary", "not_protected"),
            settings.timeoutMillis());
        follower.watch(killedNanos);
        liveMillis = Math.max(liveMillis, (System.nanoTime() - killedNanos) / 1_000_000);
        say(
            "%s is live; %d console bytes compared with what was seen, no difference",
            backup.name(), follower.compareWith(pair.console(backup)));
        if (kill == settings.kills()) {
          return finish(pair, backup, follower, Fate.WENT_ON);
        }
        primary = backup;
        backup = pair.joining("replica-" + (kill + 2), primary);
        follower.add(pair.console(backup));
        noteGap(follower);
        awaitProtected(primary);
        say("%s has joined the running guest", backup.name());
      }
    }
  }

  /** On a host so busy that the primary misses its heartbeats, the backup goes live although nobody was killed. */
  private DemoResult movedBeforeTheKill(
      Pair pair,
      ReplicaProcess primary,
      ReplicaProcess backup,
      ConsoleFollower follower,
      DemoException failure)
      throws IOException, InterruptedException {
    JsonNode last = primary.latest("phase");
    if (last == null || !ReplicaProcess.is(last, "primary", "fenced")) {
      throw failure;
    }
    backup.await(
        "it was live",
        status -> ReplicaProcess.is(status, "primary", "not_protected"),
        settings.timeoutMillis());
    say("%s has gone live before the kill: the host is too busy for heartbeats", backup.name());
    return finish(pair, backup, follower, Fate.MOVED);
  }

  private void awaitProtected(ReplicaProcess primary) throws InterruptedException {
    primary.awaitNow(
        "the pair was protected",
        status -> ReplicaProcess.is(status, "primary", "protected"),
        settings.timeoutMillis());
  }

  private void awaitMoment(ReplicaProcess primary, ConsoleFollower follower, int kill)
      throws InterruptedException {
    if (settings.moment() == Moment.BOOT) {
      Thread.sleep(random.nextInt(BOOT_KILL_MAX_MILLIS));
      return;
    }
    if (kill == 1) {
      measureLog(primary, follower);
    }
    if (settings.moment() == Moment.IDLE) {
      Thread.sleep(random.nextInt((IDLE_SECONDS - 4) * 1000));
      return;
    }
    int segment = settings.lines() / settings.kills();
    int first = kill == 1 ? idleAfter() : (kill - 1) * segment;
    int last = (kill - 1) * segment + segment * 2 / 3;
    awaitLine(follower, first + 1 + random.nextInt(Math.max(1, last - first)));
    Thread.sleep(random.nextInt(BUSY_KILL_MAX_MILLIS));
  }

  /** The workload sleeps once: in the middle where the primary is to die then, else after its first lines. */
  private int idleAfter() {
    return settings.moment() == Moment.IDLE
        ? settings.lines() / 2
        : Math.min(IDLE_AFTER_LINES, settings.lines() / 2);
  }

  /** What the log costs while the workload prints its first lines, and while it sleeps. */
  private void measureLog(ReplicaProcess primary, ConsoleFollower follower)
      throws InterruptedException {
    long bytes = logBytes(primary);
    long started = System.nanoTime();
    awaitLine(follower, idleAfter());
    busyBytesPerSecond = rate(logBytes(primary) - bytes, started);
    Thread.sleep(SETTLE_MILLIS);
    bytes = logBytes(primary);
    started = System.nanoTime();
    Thread.sleep(IDLE_MEASURED_MILLIS);
    idleBytesPerSecond = rate(logBytes(primary) - bytes, started);
  }

  // ---- a backup that joins

  private DemoResult joining(Pair pair) throws IOException, InterruptedException {
    ReplicaProcess primary = pair.alone("primary");
    try (ConsoleFollower follower = new ConsoleFollower(pair.console(primary), check)) {
      awaitBoot(follower);
      awaitLine(follower, 1 + random.nextInt(Math.max(1, settings.lines() / 4)));
      ReplicaProcess backup = pair.joining("backup", primary);
      follower.add(pair.console(backup));
      primary.await(
          "a backup joined",
          status -> ReplicaProcess.is(status, "primary", "transferring"),
          settings.timeoutMillis());
      Thread.sleep(random.nextInt(CHECKPOINT_KILL_MAX_MILLIS));
      if (random.nextBoolean()) {
        say("SIGKILL to the joining backup, after line %d", follower.lines());
        backup.kill();
        return finish(pair, primary, follower, Fate.STAYED);
      }
      JsonNode before = backup.latest("phase");
      kill(primary, follower);
      // One that was never in sync ends its attempt, or has not even begun it, and goes on asking
      // for a primary.
      JsonNode after =
          backup.awaitNow(
              "it knew where it stands",
              status ->
                  status != before
                      && (ReplicaProcess.is(status, "primary", "not_protected")
                          || ReplicaProcess.is(status, "backup", "lost")
                          || ReplicaProcess.is(status, "backup", "connecting")),
              settings.timeoutMillis());
      if (after.get("role").asString().equals("primary")) {
        follower.watch(killedNanos);
        follower.compareWith(pair.console(backup));
        return finish(pair, backup, follower, Fate.WENT_ON);
      }
      say("the backup was not in sync yet and does not go on");
      return diedWithItsPrimary(pair, primary);
    }
  }

  /** What left is on the disk: each line is synced before it is printed. */
  private DemoResult diedWithItsPrimary(Pair pair, ReplicaProcess primary)
      throws IOException, InterruptedException {
    WorkloadCheck file = fileOn(pair, primary);
    boolean agrees =
        file.lines() >= check.lines()
            && file.lost() + file.repeated() + file.wrong() == 0
            && check.lost() + check.repeated() + check.wrong() == 0;
    return result(Fate.NOT_PROTECTED_YET, agrees, check.firstProblem());
  }

  // ---- what both share

  private void awaitBoot(ConsoleFollower follower) throws InterruptedException {
    if (!follower.awaitReady(settings.timeoutMillis())) {
      throw new DemoException("the guest did not come to its session");
    }
    bootMillis = (System.nanoTime() - startedNanos) / 1_000_000;
    say("booted after %.1f s; the workload prints %d lines", bootMillis / 1e3, settings.lines());
  }

  private void awaitLine(ConsoleFollower follower, int line) throws InterruptedException {
    if (!follower.awaitLines(line, settings.timeoutMillis())) {
      throw new DemoException("the workload did not come to line " + line);
    }
  }

  private void kill(ReplicaProcess primary, ConsoleFollower follower) {
    JsonNode status = primary.latest("lag_millis");
    if (status != null) {
      lagMillis = status.get("lag_millis").asDouble();
    }
    killedNanos = System.nanoTime();
    primary.kill();
    say("SIGKILL to %s, after line %d", primary.name(), follower.lines());
  }

  private void noteGap(ConsoleFollower follower) {
    failoverMillis = Math.max(failoverMillis, follower.gapMillis());
  }

  /** The workload goes on to its end, and the guest powers itself off. */
  private DemoResult finish(Pair pair, ReplicaProcess survivor, ConsoleFollower follower, Fate fate)
      throws IOException, InterruptedException {
    if (!follower.awaitDone(settings.timeoutMillis())) {
      noteGap(follower);
      return result(fate, false, "the workload did not finish");
    }
    noteGap(follower);
    say("the workload is done: %d lines", follower.lines());
    int status = survivor.awaitEnd(settings.timeoutMillis());
    WorkloadCheck file = fileOn(pair, survivor);
    boolean agrees =
        file.lines() == settings.lines() && file.lost() + file.repeated() + file.wrong() == 0;
    String problem = check.firstProblem();
    if (problem == null && status != 0) {
      problem = "%s ended with status %d".formatted(survivor.name(), status);
    }
    return result(fate, agrees, problem);
  }

  private WorkloadCheck fileOn(Pair pair, ReplicaProcess replica)
      throws IOException, InterruptedException {
    WorkloadCheck file = new WorkloadCheck(settings.lines());
    SurvivingDisk.workloadLog(pair.disk(replica.name()), settings.folder())
        .lines()
        .forEach(file::check);
    return file;
  }

  private static double rate(long bytes, long sinceNanos) {
    return bytes / Math.max(1e-3, (System.nanoTime() - sinceNanos) / 1e9);
  }

  private static long logBytes(ReplicaProcess replica) {
    JsonNode status = replica.latest("log_bytes");
    return status == null ? 0 : status.get("log_bytes").asLong();
  }

  private DemoResult result(Fate fate, boolean diskAgrees, @Nullable String problem) {
    return new DemoResult(
        fate,
        bootMillis,
        liveMillis,
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
