package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A replay stops at a place, from the log's start or a checkpoint, and tells the same of it; a machine goes on from there. */
final class ReplayUntilTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path folder;
  private String log = "";

  @BeforeEach
  void record() throws Exception {
    Path disk = Files.write(folder.resolve("disk"), new byte[1 << 20]);
    log = folder.resolve("log").toString();
    String kernel =
        new TinyGuest()
            .print("ready\n")
            .echoUntil('Q')
            .exit(9)
            .write(folder.resolve("kernel"))
            .toString();
    try (Command command =
        Command.start(
            folder,
            "record",
            "--log",
            log,
            "--kernel",
            kernel,
            "--memory=64M",
            "--disk",
            disk.toString(),
            "--checkpoint-every=20ms")) {
      await().until(() -> checkpoints() >= 2);
      command.type("ab");
      int so = checkpoints();
      await().until(() -> checkpoints() >= so + 2);
      command.type("cQ");
      assertThat(command.await().status()).isEqualTo(9);
      assertThat(command.err()).isEmpty();
    }
  }

  private int checkpoints() throws IOException {
    try (var files = Files.list(Path.of(log))) {
      return (int) files.filter(file -> file.toString().endsWith(".lscheck")).count();
    } catch (java.nio.file.NoSuchFileException e) {
      return 0;
    }
  }

  @Test
  void stopsWhereItIsTold() throws Exception {
    JsonNode last = lastOutput();
    long entry = last.get("entry").asLong();
    long count = last.get("count").asLong();
    String rip = last.get("rip").asString();
    JsonNode at = agreed("#" + entry);
    assertThat(at.get("point").get("count").asLong()).isEqualTo(count);
    assertThat(at.get("point").get("rip").asString()).isEqualTo(rip);
    assertThat(at.get("entry").asLong()).isEqualTo(entry);
    JsonNode address = agreed(count + "@" + rip);
    assertThat(address.get("registers").get("rip").asString())
        .isEqualTo("%016x".formatted(Long.decode(rip)));
    assertThat(agreed(Long.toString(count)).get("point").get("count").asLong()).isEqualTo(count);
    long nanos = at.get("virtual_nanos").asLong() / 2;
    assertThat(agreed(nanos + "ns").get("virtual_nanos").asLong()).isGreaterThanOrEqualTo(nanos);
    Command.Result text = Command.run(folder, "replay", "--log", log, "--until", "#" + entry);
    assertThat(text.err())
        .contains("stands at", "virtual time", "the checkpoint at entry #", "rax ", "rflags");
  }

  @Test
  void jumpsToTheEndAndNoFurther() throws Exception {
    Command.Result end = Command.run(folder, "replay", "--log", log, "--until=end");
    assertThat(end.err()).isEqualTo("lockstep: the replay is identical to the recording\n");
    assertThat(end.out()).isNotEmpty().isNotEqualTo("ready\nabcQ");
    assertThat(end.status()).isZero();
    Command.Result behind = Command.run(folder, "replay", "--log", log, "--until=999999999999");
    assertThat(behind.err()).contains("before the place that --until names");
    assertThat(behind.status()).isEqualTo(69);
    Command.Result words = Command.run(folder, "replay", "--log", log, "--until=soon");
    assertThat(words.err()).contains("'soon' is no place");
    assertThat(words.status()).isEqualTo(64);
  }

  @Test
  void aDamagedCheckpointIsPassedOver() throws Exception {
    try (var files = Files.list(Path.of(log))) {
      for (Path file : files.filter(it -> it.toString().endsWith(".lscheck")).toList()) {
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 20] ^= 1;
        Files.write(file, bytes);
      }
    }
    Command.Result end = Command.run(folder, "replay", "--log", log, "--until=end");
    assertThat(end.err())
        .contains("a checkpoint is passed over", "the replay is identical to the recording");
    assertThat(end.out()).isEqualTo("ready\nabcQ");
    assertThat(end.status()).isZero();
  }

  @Test
  void aMachineGoesOnFromThere() throws Exception {
    String snapshot = folder.resolve("snapshot").toString();
    String place = "#" + outputs().getFirst().get("entry").asLong();
    Command.Result taken =
        Command.run(folder, "replay", "--log", log, "--until", place, "--snapshot-to", snapshot);
    assertThat(taken.status()).isZero();
    Command.Result live = Command.runTyping(folder, "zQ", "run", "--from", snapshot);
    assertThat("ready\nzQ").endsWith(live.out());
    assertThat(live.out()).endsWith("zQ");
    assertThat(live.status()).isEqualTo(9);
  }

  @Test
  void checkpointsCanBeAddedLater() throws Exception {
    try (var files = Files.list(Path.of(log))) {
      for (Path file : files.filter(it -> it.toString().endsWith(".lscheck")).toList()) {
        Files.delete(file);
      }
    }
    Command.Result replayed =
        Command.run(folder, "replay", "--log", log, "--no-console", "--checkpoint-every=10ms");
    assertThat(replayed.err()).isEqualTo("lockstep: the replay is identical to the recording\n");
    assertThat(checkpoints()).isPositive();
    assertThat(Command.run(folder, "verify", "--replay", log).status()).isZero();
    agreed("#" + lastOutput().get("entry").asLong());
  }

  private JsonNode lastOutput() throws Exception {
    return outputs().getLast();
  }

  private List<JsonNode> outputs() throws Exception {
    Command.Result dump = Command.run(folder, "log", "dump", "--json", "--kind=output", log);
    return dump.out().lines().map(line -> JSON.readTree(line)).toList();
  }

  /** The same from the nearest checkpoint and from the start. */
  private JsonNode agreed(String place) throws Exception {
    List<JsonNode> told = new ArrayList<>();
    for (String more : new String[] {"--no-console", "--from-start"}) {
      Command.Result result =
          Command.run(folder, "replay", "--log", log, "--until", place, "--json", more);
      assertThat(result.status()).as(result.err()).isZero();
      told.add(JSON.readTree(result.err()));
    }
    assertThat(told.get(1).get("from").isNull()).isTrue();
    for (String field : new String[] {"point", "virtual_nanos", "entry", "digest", "registers"}) {
      assertThat(told.get(0).get(field)).as(field).isEqualTo(told.get(1).get(field));
    }
    return told.getFirst();
  }
}
