package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A machine goes on from a snapshot as it would have gone on by itself, as often as one likes. */
final class SnapshotTest {
  @TempDir Path folder;
  private String snapshot = "";
  private String kernel = "";

  @BeforeEach
  void take() throws Exception {
    snapshot = folder.resolve("snapshot").toString();
    Path disk = Files.write(folder.resolve("disk"), new byte[1 << 20]);
    kernel =
        new TinyGuest()
            .print("one two three\n")
            .echoUntil('Q')
            .exit(5)
            .write(folder.resolve("kernel"))
            .toString();
    try (Command command =
        Command.start(
            folder,
            "run",
            "--kernel",
            kernel,
            "--memory=64M",
            "--disk",
            disk.toString(),
            "--snapshot-to",
            snapshot,
            "--snapshot-when",
            "two three")) {
      await().until(() -> command.err().contains("lockstep: snapshot in '" + snapshot));
      command.type("abQ");
      Command.Result taken = command.await();
      assertThat(taken.out()).isEqualTo("one two three\nabQ");
      assertThat(taken.status()).isEqualTo(5);
    }
  }

  @Test
  void goesOnFromThere() throws Exception {
    Files.delete(Path.of(kernel)); // it is in the snapshot's memory
    for (String typed : new String[] {"xyzQ", "Q"}) {
      Command.Result restored = Command.runTyping(folder, typed, "run", "--from", snapshot);
      assertThat("one two three\n" + typed).endsWith(restored.out()).contains(typed);
      assertThat(restored.err()).isEmpty();
      assertThat(restored.status()).isEqualTo(5);
    }
  }

  @Test
  void aLogMayBeginThere() throws Exception {
    String log = folder.resolve("log").toString();
    Command.Result recorded =
        Command.runTyping(folder, "123Q", "record", "--from", snapshot, "--log", log);
    assertThat(recorded.status()).isEqualTo(5);
    Command.Result replayed = Command.run(folder, "replay", "--log", log);
    assertThat(replayed.out()).isEqualTo(recorded.out()).endsWith("123Q");
    assertThat(replayed.err()).isEqualTo("lockstep: the replay is identical to the recording\n");
    assertThat(replayed.status()).isZero();
  }

  @Test
  void refusesWhatDoesNotFit() throws Exception {
    fails("memory_mib differs", "run", "--from", snapshot, "--memory=128M");
    fails("holds a machine already", "run", "--kernel", kernel, "--snapshot-to", snapshot);
    fails("there is no folder", "run", "--from", folder.resolve("none").toString());
    Path state = Path.of(snapshot, "state.snapshot");
    byte[] whole = Files.readAllBytes(state);
    whole[whole.length / 2] ^= 1;
    Files.write(state, whole);
    fails("the snapshot '%s' is damaged".formatted(state), "run", "--from", snapshot);
    Files.write(state, Arrays.copyOf(whole, whole.length / 3));
    fails("the snapshot '%s' is cut off".formatted(state), "run", "--from", snapshot);
    Command.Result when = Command.run(folder, "run", "--snapshot-when=x");
    assertThat(when.err()).contains("--snapshot-when says when, but no --snapshot-to says where");
    assertThat(when.status()).isEqualTo(64);
  }

  @Test
  void tellsThatTheTextNeverCame() throws Exception {
    String other = folder.resolve("other").toString();
    String exit = new TinyGuest().print("on").exit(0).write(folder.resolve("exit")).toString();
    Command.Result result =
        Command.run(
            folder, "run", "--kernel", exit, "--snapshot-to", other, "--snapshot-when=never");
    assertThat(result.err()).contains("the console never showed 'never'");
    assertThat(result.status()).isEqualTo(69);
  }

  @Test
  void findsATextThatComesInPieces() {
    Snapshots.TextMatch match = new Snapshots.TextMatch("aab".getBytes(StandardCharsets.US_ASCII));
    assertThat(match.feed("xa".getBytes(StandardCharsets.US_ASCII))).isFalse();
    assertThat(match.feed("aa".getBytes(StandardCharsets.US_ASCII))).isFalse();
    assertThat(match.feed("b".getBytes(StandardCharsets.US_ASCII))).isTrue();
    assertThat(match.feed("aab".getBytes(StandardCharsets.US_ASCII))).as("only once").isFalse();
  }

  private void fails(String message, String... arguments) throws Exception {
    Command.Result result = Command.run(folder, arguments);
    assertThat(result.err()).contains(message).doesNotContain("\tat ");
    assertThat(result.status()).isEqualTo(69);
  }
}
