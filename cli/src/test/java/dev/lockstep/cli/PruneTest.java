package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What is too old, too many or too big goes, and nothing else does. */
final class PruneTest {
  @TempDir Path folder;
  private String kernel = "";
  private Path kept = Path.of("");

  @BeforeEach
  void record() throws Exception {
    kernel =
        new TinyGuest()
            .print("ready\n")
            .echoUntil('Q')
            .exit(0)
            .write(folder.resolve("kernel"))
            .toString();
    kept = Files.createDirectory(folder.resolve("kept"));
    Path disk = Files.write(folder.resolve("disk"), new byte[64 << 10]);
    Path log = kept.resolve("log-0");
    assertThat(
            Command.runTyping(
                    folder,
                    "abQ",
                    "record",
                    "--log",
                    log.toString(),
                    "--kernel",
                    kernel,
                    "--disk",
                    disk.toString(),
                    "--memory=64M")
                .status())
        .isZero();
    Path snapshot = kept.resolve("snapshot-0");
    try (Command run =
        Command.start(
            folder,
            "run",
            "--kernel",
            kernel,
            "--disk",
            disk.toString(),
            "--memory=64M",
            "--snapshot-to",
            snapshot.toString(),
            "--snapshot-when",
            "ready")) {
      await().until(() -> run.err().contains("snapshot in"));
      run.type("Q");
      assertThat(run.await().status()).isZero();
    }
    for (int days = 1; days < 5; days++) {
      copy(log, kept.resolve("log-" + days), days);
      copy(snapshot, kept.resolve("snapshot-" + days), days);
    }
  }

  private static void copy(Path from, Path to, int days) throws IOException {
    Files.createDirectory(to);
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.toList()) {
        Path copy = Files.copy(file, to.resolve(file.getFileName()));
        Files.setLastModifiedTime(
            copy, FileTime.from(Instant.now().minus(Duration.ofDays(days)).minusSeconds(60)));
      }
    }
  }

  private List<String> names() throws IOException {
    try (Stream<Path> entries = Files.list(kept)) {
      return entries.map(each -> each.getFileName().toString()).sorted().toList();
    }
  }

  private Command.Result prune(String... options) {
    String[] words =
        Stream.concat(Stream.of("prune", kept.toString()), Stream.of(options))
            .toArray(String[]::new);
    Command.Result result = Command.here(words);
    assertThat(result.status()).as(result.err()).isZero();
    return result;
  }

  @Test
  void whatIsOldGoesAndTheNewestStays() throws Exception {
    assertThat(prune("--older-than", "3d", "--dry-run").out())
        .contains("log-3", "log-4", "snapshot-3", "snapshot-4", "3 days old");
    assertThat(names()).as("a dry run").hasSize(10);
    prune("--older-than", "3d");
    assertThat(names())
        .containsExactly("log-0", "log-1", "log-2", "snapshot-0", "snapshot-1", "snapshot-2");
    prune("--older-than", "0s", "--keep-at-least", "2");
    assertThat(names()).containsExactly("log-0", "log-1", "snapshot-0", "snapshot-1");
    prune("--older-than", "0s");
    assertThat(names()).as("at least one").containsExactly("log-0", "snapshot-0");
    prune("--keep", "0");
    assertThat(names()).isEmpty();
  }

  @Test
  void tooManyAndTooBigAreCountedByKind() throws Exception {
    List<String> told = prune("--keep", "2", "--json").out().lines().toList();
    assertThat(told).hasSize(6);
    JsonNode one = new JsonMapper().readTree(told.getFirst());
    assertThat(one.get("removed").asBoolean()).isTrue();
    assertThat(one.get("bytes").asLong()).isPositive();
    assertThat(one.get("vm").asString()).isNotEmpty();
    assertThat(names()).containsExactly("log-0", "log-1", "snapshot-0", "snapshot-1");
    prune("--total", "1B");
    assertThat(names()).as("the newest stays").containsExactly("log-0", "snapshot-0");
  }

  @Test
  void whatIsNobodysBusinessStays() throws Exception {
    Path foreign = Files.writeString(kept.resolve("log-3").resolve("notes.txt"), "mine");
    Files.createDirectory(kept.resolve("empty"));
    Files.delete(kept.resolve("log-4").resolve("machine.json"));
    Files.writeString(kept.resolve("snapshot-4").resolve("machine.json"), "{");
    Files.createSymbolicLink(kept.resolve("way"), kept.resolve("snapshot-0"));
    prune("--keep", "0");
    assertThat(names()).containsExactly("empty", "log-3", "log-4", "snapshot-4", "way");
    assertThat(foreign).hasContent("mine");
    assertThat(foreign.resolveSibling("machine.json")).exists();
  }

  @Test
  void aLogThatIsStillRecordedStays() throws Exception {
    Path log = kept.resolve("running");
    try (Command running =
        Command.start(
            folder, "record", "--log", log.toString(), "--kernel", kernel, "--memory=64M")) {
      await().until(() -> running.out().contains("ready"));
      prune("--keep", "0");
      assertThat(names()).containsExactly("running");
      running.signal("KILL");
      running.await();
    }
    prune("--keep", "0");
    assertThat(names()).isEmpty();
  }

  @Test
  void wordsThatSayNothingAreRefused() {
    for (String[] options :
        List.of(
            new String[] {},
            new String[] {"--older-than", "long"},
            new String[] {"--total", "much"},
            new String[] {"--keep", "-1"})) {
      String[] words =
          Stream.concat(Stream.of("prune", kept.toString()), Stream.of(options))
              .toArray(String[]::new);
      assertThat(Command.here(words).status()).as(String.join(" ", words)).isEqualTo(64);
    }
    assertThat(Command.here("prune", kept.resolve("none").toString(), "--keep", "1").err())
        .contains("cannot be cleared up", "Name a folder");
  }
}
