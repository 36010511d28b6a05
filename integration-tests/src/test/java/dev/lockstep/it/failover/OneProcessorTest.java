package dev.lockstep.it.failover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.it.network.Lab;
import dev.lockstep.it.network.LabProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/**
 * Each replica has one processor for its guest, HotSpot's compilers and its heartbeats, and is young: none of its urgent threads may keep the others from it for so long that its peer takes it for dead.
 */
class OneProcessorTest {
  private static final long PATIENCE_MILLIS = 240_000;

  /** With what the processes have said, if it fails. */
  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path folder = Path.of("unset");

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void aYoungPairIsNoFailure() throws Exception {
    assumeTrue(
        Runtime.getRuntime().availableProcessors() > 1,
        "SKIPPED: two replicas with a processor each take two processors");
    Path image = image();
    try (LabProcess backup = start("backup", "b", 1, image, List.of())) {
      String address =
          "127.0.0.1:"
              + backup
                  .await("its port", 0, event -> event.has("listening"), PATIENCE_MILLIS)
                  .path("listening")
                  .asInt();
      try (LabProcess primary = start("primary", "a", 0, image, List.of("--peer", address))) {
        primary.awaitPhase("primary", "protected", 0, PATIENCE_MILLIS);
        int protectedFrom = primary.said();
        int followingFrom = backup.said();
        primary.awaitEnd(PATIENCE_MILLIS);
        backup.awaitEnd(PATIENCE_MILLIS);
        for (String phase : List.of("arbitrating", "not_protected", "fenced")) {
          assertThat(primary.hasSaid(protectedFrom, "primary", phase)).as(phase).isFalse();
          assertThat(backup.hasSaid(followingFrom, "primary", phase)).as(phase).isFalse();
          assertThat(backup.hasSaid(followingFrom, "backup", phase)).as(phase).isFalse();
        }
      }
    }
  }

  private LabProcess start(String role, String name, int processor, Path image, List<String> own)
      throws IOException {
    Path disk = Files.copy(image.resolve("disk.ext4"), folder.resolve(name + ".img"));
    List<String> command =
        new ArrayList<>(List.of("taskset", "--cpu-list", Integer.toString(processor)));
    command.addAll(Lab.java("dev.lockstep.cli.Lockstep"));
    command.addAll(
        List.of(
            role,
            "--json",
            "--arbiter",
            Files.createDirectories(folder.resolve("arbiter")).toString(),
            "--replica",
            name,
            "--disk",
            disk.toString(),
            "--memory",
            "128M",
            "--append",
            "quiet lockstep.run=\"seq 20000 | sort -r | sha256sum; poweroff -f\""));
    command.addAll(own);
    return LabProcess.start(name, command, folder.resolve(name + ".log"));
  }

  /** The guest image; without one the test is skipped by name. */
  private static Path image() throws IOException, InterruptedException {
    Path home = Path.of(System.getenv("LOCKSTEP_HOME"));
    String cache = System.getenv("LOCKSTEP_CACHE");
    Path image = cache == null ? home.resolve(".cache").resolve("guest") : Path.of(cache);
    int status =
        new ProcessBuilder(home.resolve("scripts/guest-image").toString(), image.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.INHERIT)
            .start()
            .waitFor();
    assumeTrue(status == 0, "SKIPPED: scripts/guest-image cannot make the guest image in " + image);
    return image;
  }
}
