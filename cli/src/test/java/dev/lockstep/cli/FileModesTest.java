package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever holds what a guest knows is its owner's alone, also for a user whose umask takes nothing away. */
final class FileModesTest {
  @TempDir Path folder;

  @Test
  void logsSnapshotsAndTracesAreTheirOwnersAlone() throws Exception {
    Path kernel =
        new TinyGuest().print("one").echoUntil('Q').exit(5).write(folder.resolve("kernel"));
    Path disk = Files.write(folder.resolve("disk"), new byte[1 << 20]);
    Path made = Files.createDirectory(folder.resolve("made"));
    openly(
        5,
        "record",
        "--kernel",
        kernel.toString(),
        "--memory=64M",
        "--disk",
        disk.toString(),
        "--log",
        made.resolve("logs/log").toString());
    openly(
        0,
        "trace",
        "collect",
        "--log",
        made.resolve("logs/log").toString(),
        "--out",
        made.resolve("trace").toString());
    openly(
        5,
        "run",
        "--kernel",
        kernel.toString(),
        "--memory=64M",
        "--disk",
        disk.toString(),
        "--snapshot-to",
        made.resolve("snapshots/one").toString(),
        "--snapshot-when",
        "one");
    List<String> open = new ArrayList<>();
    Set<String> seen = new TreeSet<>();
    for (Path place :
        List.of("logs/log", "trace", "snapshots/one").stream().map(made::resolve).toList()) {
      try (Stream<Path> files = Files.walk(place)) {
        for (Path file : files.toList()) {
          seen.add(file.getFileName().toString());
          String mode = PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
          // A lock file has the owner's name in it, and other users of the image need it.
          if (!mode.endsWith("------") && !file.toString().endsWith(".lock")) {
            open.add(mode + " " + made.relativize(file));
          }
        }
      }
    }
    assertThat(seen).contains("log", "trace", "one", "state.snapshot").hasSizeGreaterThan(6);
    assertThat(open).isEmpty();
  }

  private void openly(int status, String... arguments) throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(List.of("sh", "-c", "umask 0; exec \"$@\"", "sh"));
    words.addAll(Command.words(arguments));
    try (Command command = Command.start(folder, words)) {
      if (List.of(arguments).contains("--snapshot-to")) {
        await().atMost(60, TimeUnit.SECONDS).until(() -> command.err().contains("snapshot in"));
      }
      command.type("abQ");
      command.endInput();
      Command.Result result = command.await();
      assertThat(result.status()).as(result.err()).isEqualTo(status);
    }
  }
}
