package dev.lockstep.it.failover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.it.network.GuestImage;
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
    List<Integer> processors = processors();
    assumeTrue(
        processors.size() > 1, "SKIPPED: two replicas with a processor each take two processors");
    Path image = GuestImage.folder();
    try (LabProcess backup = start("backup", "b", processors.get(1), image, List.of())) {
      String address =
          "127.0.0.1:"
              + backup
                  .await("its port", 0, event -> event.has("listening"), PATIENCE_MILLIS)
                  .path("listening")
                  .asInt();
      try (LabProcess primary =
          start("primary", "a", processors.get(0), image, List.of("--peer", address))) {
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

  /** Those that this process may run on (proc_pid_status(5), Cpus_allowed_list): not every container has the first two. */
  private static List<Integer> processors() throws IOException {
    String allowed =
        Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("Cpus_allowed_list:"))
            .map(line -> line.substring(line.indexOf(':') + 1).strip())
            .findFirst()
            .orElse("");
    List<Integer> processors = new ArrayList<>();
    for (String range : allowed.split(",")) {
      String[] ends = range.split("-");
      int last = Integer.parseInt(ends[ends.length - 1]);
      for (int processor = Integer.parseInt(ends[0]); processor <= last; processor++) {
        processors.add(processor);
      }
    }
    return processors;
  }
}
