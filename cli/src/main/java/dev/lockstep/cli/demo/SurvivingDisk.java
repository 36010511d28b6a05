package dev.lockstep.cli.demo;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;

/**
 * Reads the workload's file from the disk image that is left, without mounting it: by e2fsck and debugfs of e2fsprogs. What was synced may be in the file system's
 * journal only, so a copy's journal is replayed first, as a mount would do.
 */
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
    Path copy = scratch.resolve("surviving.disk");
    Path out = scratch.resolve("workload.log");
    Files.deleteIfExists(out);
    Files.copy(image, copy, StandardCopyOption.REPLACE_EXISTING);
    Files.setPosixFilePermissions(copy, PosixFilePermissions.fromString("rw-------"));
    String said =
        run("e2fsck", "-y", "-E", "journal_only", copy.toString())
            + run("debugfs", "-R", "dump " + FILE + " " + out, copy.toString());
    Files.delete(copy);
    if (!Files.exists(out)) {
      throw new DemoException(
          "the workload's file is not on the surviving disk '%s': %s"
              .formatted(image, said.strip()));
    }
    return Files.readString(out);
  }

  private static String run(String... command) throws IOException, InterruptedException {
    Process process = start(new ProcessBuilder(command).redirectErrorStream(true));
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new DemoException(command[0] + " does not end");
    }
    return said;
  }

  private static Process start(ProcessBuilder builder) throws IOException {
    try {
      return builder.start();
    } catch (IOException e) {
      // Where administrators' programs are not on the path of everybody.
      builder.command().set(0, "/sbin/" + builder.command().getFirst());
      return builder.start();
    }
  }
}
