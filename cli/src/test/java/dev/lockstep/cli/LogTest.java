package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What the log commands tell of a log is what is in it, whole or damaged. */
final class LogTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path folder;
  private String log = "";
  private String kernel = "";

  @BeforeEach
  void record() throws Exception {
    kernel =
        new TinyGuest()
            .print("ready\n")
            .echoUntil('Q')
            .exit(9)
            .write(folder.resolve("kernel"))
            .toString();
    log = record("log", "abQ");
  }

  private String record(String name, String typed) throws Exception {
    String path = folder.resolve(name).toString();
    Command.Result recorded =
        Command.runTyping(
            folder, typed, "record", "--log", path, "--kernel", kernel, "--seed=1", "--memory=64M");
    assertThat(recorded.status()).isEqualTo(9);
    return path;
  }

  @Test
  void infoTellsTheHeaderAndTheTotals() throws Exception {
    Command.Result text = ok(Command.here("log", "info", log));
    assertThat(text.out())
        .contains("branch_semantics", "ALL_TRANSFERS", "kernel_file_sha256")
        .contains("console-input", "1 end", "complete", "to its end", "checkpoints")
        .contains("the guest ended the machine");
    JsonNode info = JSON.readTree(ok(Command.here("log", "info", "--json", log)).out());
    long entries = info.get("entries").asLong();
    long sum = 0;
    for (JsonNode kind : info.get("kinds")) {
      sum += kind.asLong();
    }
    assertThat(sum).isEqualTo(entries);
    assertThat(dump().size()).isEqualTo(entries);
    assertThat(info.get("bytes").asLong()).isEqualTo(Files.size(segment()));
    assertThat(info.get("input_bytes").asLong()).isEqualTo("abQ".length());
    assertThat(info.get("ending").asString()).isEqualTo("complete");
    assertThat(info.get("end").asString()).isEqualTo("guest_exit");
    assertThat(info.get("certain").asString()).isEqualTo("whole");
  }

  @Test
  void dumpGivesEveryEntryAndEveryPart() throws Exception {
    List<String> lines = dump();
    assertThat(lines.getFirst()).startsWith("#0  ");
    assertThat(lines.getLast()).contains("  end  reason=guest_exit  exit_code=9");
    assertThat(String.join("\n", lines)).contains("console-input", "text=\"abQ\"");
    assertThat(dump("--from", "#1", "--to", "#2")).isEqualTo(lines.subList(1, 3));
    long count = JSON.readTree(dump("--json").get(1)).get("count").asLong();
    assertThat(dump("--from", Long.toString(count)).getFirst()).contains("  %d@".formatted(count));
    assertThat(dump("--kind", "end,output"))
        .isEqualTo(
            lines.stream()
                .filter(line -> line.contains("  end  ") || line.contains("  output  "))
                .toList());
    for (String line : dump("--json")) {
      assertThat(JSON.readTree(line).get("kind").asString()).isNotEmpty();
    }
    fails(64, "there is no kind of entry 'inputs'", "log", "dump", log, "--kind=inputs");
    fails(64, "--from: '#x' is no place in a log", "log", "dump", log, "--from=#x");
    fails(64, "say what to do with the log", "log");
  }

  @Test
  void diffShowsTheFirstDifference() throws Exception {
    assertThat(ok(Command.here("log", "diff", log, log)).out())
        .isEqualTo("the logs say the same\n");
    String other = record("other", "xyzQ");
    Command.Result header = Command.here("log", "diff", log, other);
    assertThat(header.status()).isEqualTo(1);
    assertThat(header.out()).contains("the headers differ", "wall_clock_nanos: ");
    Command.Result replayed = Command.here("log", "diff", "--replay", log, other);
    assertThat(replayed.err()).isEmpty();
    assertThat(replayed.out())
        .contains(
            "the executions are the same up to", "then they differ: ", "registers that differ");
    assertThat(replayed.status()).isEqualTo(1);
    assertThat(ok(Command.here("log", "diff", "--replay", log, log)).out())
        .contains("the executions are the same up to branch count ");
    JsonNode json = JSON.readTree(Command.here("log", "diff", "--json", log, other).out());
    assertThat(json.get("where").asString()).isEqualTo("header");
    // The same header, an entry cut off.
    Path shorter = Files.createDirectory(folder.resolve("shorter"));
    byte[] whole = Files.readAllBytes(segment());
    Files.write(shorter.resolve(segment().getFileName()), Arrays.copyOf(whole, whole.length - 1));
    Command.Result cut = Command.here("log", "diff", log, shorter.toString());
    assertThat(cut.status()).isEqualTo(1);
    assertThat(cut.out()).contains("the logs differ first at entry #", "+ (the log has ended)");
    fails(69, "there is no event log", "log", "diff", log, folder.resolve("none").toString());
  }

  @Test
  void verifyTellsWholeFromDamaged() throws Exception {
    assertThat(ok(Command.here("verify", log)).out()).startsWith("whole: ");
    assertThat(ok(Command.here("log", "verify", "--replay", log)).out())
        .contains("the replay is identical to the recording");
    byte[] whole = Files.readAllBytes(segment());
    Files.write(segment(), Arrays.copyOf(whole, whole.length - 3));
    fails(65, "the event log is torn", "verify", log);
    fails(65, "the event log is torn", "log", "dump", log);
    assertThat(Command.here("log", "info", log).status()).isEqualTo(65);
    byte[] flipped = whole.clone();
    flipped[whole.length - 3] ^= 4;
    Files.write(segment(), flipped);
    fails(65, "the event log is corrupted", "verify", log);
    Command.Result info = Command.here("log", "info", log);
    assertThat(info.status()).isEqualTo(65);
    assertThat(info.out()).contains("corrupt, in '%s' at offset ".formatted(segment()));
    Files.write(segment(), whole);
    Files.write(Path.of(log, "checkpoint-000000000001.lscheck"), new byte[100]);
    fails(65, "the checkpoint '", "verify", log);
  }

  private List<String> dump(String... more) throws Exception {
    List<String> words = new ArrayList<>(List.of("log", "dump", log));
    words.addAll(List.of(more));
    // It writes to the descriptor itself, and so into this test's own output.
    return ok(Command.run(folder, words.toArray(String[]::new))).out().lines().toList();
  }

  private Path segment() throws IOException {
    try (var files = Files.list(Path.of(log))) {
      return files.filter(file -> file.toString().endsWith(".lslog")).findFirst().orElseThrow();
    }
  }

  private static Command.Result ok(Command.Result result) {
    assertThat(result.err()).isEmpty();
    assertThat(result.status()).isZero();
    return result;
  }

  private void fails(int status, String message, String... arguments) throws Exception {
    Command.Result result = Command.here(arguments);
    assertThat(result.err()).contains(message).doesNotContain("\tat ");
    assertThat(result.status()).isEqualTo(status);
  }
}
