package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A recorded run replays bit for bit; with another kernel, or from a damaged log, it says so. */
final class RecordReplayTest {
  private static final String TYPED = "what is typed" + ".".repeat(300) + "Q";

  @TempDir Path folder;
  private Path log = Path.of("");
  private String kernel = "";

  @BeforeEach
  void record() throws Exception {
    log = folder.resolve("log");
    kernel =
        new TinyGuest()
            .print("ready\n")
            .echoUntil('Q')
            .exit(9)
            .write(folder.resolve("kernel"))
            .toString();
    Command.Result recorded =
        Command.runTyping(folder, TYPED, "record", "--log", log.toString(), "--kernel", kernel);
    assertThat(recorded.out()).isEqualTo("ready\n" + TYPED);
    assertThat(recorded.err()).isEmpty();
    assertThat(recorded.status()).isEqualTo(9);
  }

  @Test
  void replaysWithNothingElseSaid() throws Exception {
    for (int round = 0; round < 2; round++) {
      Command.Result replayed = Command.run(folder, "replay", "--log", log.toString());
      assertThat(replayed.err()).isEqualTo("lockstep: the replay is identical to the recording\n");
      assertThat(replayed.out()).isEqualTo("ready\n" + TYPED);
      assertThat(replayed.status()).isZero();
    }
    Command.Result silent = Command.run(folder, "replay", "--log", log.toString(), "--no-console");
    assertThat(silent.out()).isEmpty();
    assertThat(silent.status()).isZero();
  }

  @Test
  void replaysTranslatedWhatWasInterpreted() throws Exception {
    Command.Result replayed =
        Command.run(folder, "replay", "--log", log.toString(), "--translator", "on:1", "--stats");
    assertThat(replayed.err())
        .containsPattern("translator +on:1\n")
        .endsWith("lockstep: the replay is identical to the recording\n");
    assertThat(replayed.out()).isEqualTo("ready\n" + TYPED);
    assertThat(replayed.status()).isZero();
  }

  @Test
  void refusesAnotherKernelAndAnotherMachine() throws Exception {
    Path other = new TinyGuest().print("other").exit(9).write(folder.resolve("other"));
    fails(69, "kernel_file_sha256 differs", "--kernel", other.toString());
    fails(69, "memory_mib differs", "--memory", "128M");
    fails(69, "CPU model differs", "--cpu-model", "lockstep-v1");
    fails(69, "command_line differs", "--append", "quiet");
  }

  @Test
  void replaysTheGoodPartOfADamagedLog() throws Exception {
    Path segment = segment();
    byte[] whole = Files.readAllBytes(segment);
    Files.write(segment, Arrays.copyOf(whole, whole.length - 3));
    fails(65, "the event log is torn, in '%s' at offset ".formatted(segment));
    byte[] flipped = whole.clone();
    flipped[whole.length - 3] ^= 4;
    Files.write(segment, flipped);
    fails(65, "the event log is corrupted, in '%s' at offset ".formatted(segment));
    Files.write(segment, new byte[] {1, 2, 3});
    fails(69, "header cannot be read");
  }

  @Test
  void aLogIsNotWrittenOverAnother() throws Exception {
    Command.Result again =
        Command.run(folder, "record", "--log", log.toString(), "--kernel", kernel);
    assertThat(again.status()).isEqualTo(69);
    assertThat(again.err()).contains("holds an event log already");
  }

  private Path segment() throws IOException {
    try (var files = Files.list(log)) {
      return files.filter(file -> file.toString().endsWith(".lslog")).findFirst().orElseThrow();
    }
  }

  private void fails(int status, String message, String... more) throws Exception {
    String[] arguments = new String[3 + more.length];
    arguments[0] = "replay";
    arguments[1] = "--log";
    arguments[2] = log.toString();
    System.arraycopy(more, 0, arguments, 3, more.length);
    Command.Result result = Command.run(folder, arguments);
    assertThat(result.err()).contains(message).doesNotContain("\tat ");
    assertThat(result.status()).isEqualTo(status);
  }
}
