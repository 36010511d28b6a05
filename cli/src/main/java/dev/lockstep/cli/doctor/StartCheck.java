package dev.lockstep.cli.doctor;

import dev.lockstep.cli.start.JvmOptions;
import dev.lockstep.cli.start.StartCache;
import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Whether the command starts from an AOT cache, and what that saves: found by starting it both ways. */
final class StartCheck {
  private static final String ID = "start_cache", WHAT = "start cache";
  private static final long TIMEOUT_SECONDS = 30;
  private static final int STARTS = 2;

  private static final double MEBI = 1 << 20;

  private StartCheck() {}

  /**
   * Looks.
   *
   * @param cache as the launcher named it; null if it named none
   */
  static Finding ask(@Nullable StartCache cache) {
    if (cache == null) {
      return without(
          "none is wanted: another launcher, or LOCKSTEP_START or options for the JVM say so",
          "Start it by the script 'lockstep', without LOCKSTEP_START=plain and -Xshare.");
    }
    Finding found = look(cache);
    return found.with("file", cache.file().toString());
  }

  private static Finding look(StartCache cache) {
    String failure = cache.failure();
    if (cache.exists()) {
      return tryOut(cache);
    }
    if (failure != null) {
      return without(
          "its training failed: " + failure.lines().findFirst().orElse("no reason is given"),
          "Remove %s to have it tried again.".formatted(cache.failed()));
    }
    return without(
        "not trained yet: " + cache.file(),
        "Run a guest: it is trained in the background when that has ended.");
  }

  private static Finding without(String found, String advice) {
    return Finding.of(ID, WHAT, Verdict.LIMITED, found, "Commands work, and take longer to start.")
        .advise(advice)
        .with("used", false);
  }

  private static Finding tryOut(StartCache cache) {
    long with = Long.MAX_VALUE;
    long plain = Long.MAX_VALUE;
    try {
      long bytes = Files.size(cache.file());
      for (int i = 0; i < STARTS; i++) {
        with = Math.min(with, start(List.of("-XX:AOTCache=" + cache.file(), "-XX:AOTMode=on")));
        plain = Math.min(plain, start(List.of()));
      }
      return Finding.of(
              ID,
              WHAT,
              Verdict.OK,
              String.format(
                  Locale.ROOT,
                  "%.0f MiB in %s; 'lockstep help run' takes %.2f s with it and %.2f s without; that of replicas is %s",
                  bytes / MEBI,
                  cache.file(),
                  with / 1e9,
                  plain / 1e9,
                  cache.ofReplicas().exists() ? "there" : "not trained yet"),
              "Commands start from classes that are loaded already.")
          .with("used", true)
          .with("bytes", bytes)
          .with("millis", with / 1_000_000)
          .with("plain_millis", plain / 1_000_000);
    } catch (Unusable e) {
      return without(
          "passed over: " + e.getMessage(),
          "Remove %s to have it trained again.".formatted(cache.file()));
    } catch (IOException e) {
      return without("cannot be read: " + e.getMessage(), "See to the folder's rights.");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return without("not tried out: the command was interrupted", "Run it again.");
    }
  }

  /** The JVM does not take the cache; says why. */
  private static final class Unusable extends Exception {
    private static final long serialVersionUID = 1;

    Unusable(String why) {
      super(why);
    }
  }

  /** Starts the command with this process's own JVM and class path; how long it took, nanoseconds. */
  private static long start(List<String> options)
      throws IOException, InterruptedException, Unusable {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(JvmOptions.ofReplicas());
    command.addAll(
        List.of(
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            "dev.lockstep.cli.Lockstep",
            "help",
            "run"));
    Path output = Files.createTempFile("lockstep-start-", ".txt");
    try {
      long began = System.nanoTime();
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
      if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new Unusable("the command did not start in %d s".formatted(TIMEOUT_SECONDS));
      }
      long took = System.nanoTime() - began;
      if (process.exitValue() != 0) {
        throw new Unusable(reason(Files.readString(output)));
      }
      return took;
    } finally {
      Files.deleteIfExists(output);
    }
  }

  /** The first line in which the JVM says what is wrong, without the decoration of its log. */
  private static String reason(String output) {
    return output
        .lines()
        .filter(line -> line.contains("[aot]"))
        .map(line -> line.replaceFirst("^(\\[[^]]*])+ *", ""))
        .findFirst()
        .orElse("the JVM does not take it");
  }
}
