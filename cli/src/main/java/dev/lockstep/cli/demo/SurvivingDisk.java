package dev.lockstep.cli.demo;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** Reads the workload's file from the disk image that is left, without mounting it: by debugfs of e2fsprogs. */
final class SurvivingDisk {
  private static final String FILE = "/workload.log";
  private static final long TIMEOUT_SECONDS = 30;

  private SurvivingDisk() {}

  /**
   * The file's content.
   *
   * @throws DemoException if it is not there or cannot be read
   */
  static String workloadLog(Path image, Path scratch) throws IOException, InterruptedException {
    Path out = scratch.resolve("workload.log");
    ProcessBuilder builder =
        new ProcessBuilder("debugfs", "-R", "dump " + FILE + " " + out, image.toString());
    builder.environment().merge("PATH", ":/sbin:/usr/sbin", String::concat);
    builder.redirectErrorStream(true);
    Process process = start(builder);
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    boolean ended = process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    if (!ended || process.exitValue() != 0 || !Files.exists(out)) {
      throw new DemoException(
          "the workload's file is not on the surviving disk '%s': %s"
              .formatted(image, said.strip()));
    }
    return Files.readString(out);
  }

  private static Process start(ProcessBuilder builder) throws IOException {
    try {
      return builder.start();
    } catch (IOException e) {
      builder.command().set(0, "/sbin/debugfs");
      return builder.start();
    }
  }
}
