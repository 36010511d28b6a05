package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code record --counter} on the real command. */
final class CounterTest {
  private static final Path KVM = Path.of("/dev/kvm");

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"kvm, anchors", "kvm, step", "soft, anchors"})
  void recordsWithoutAHardwareCounterAndReplaysOnBothEngines(String engine, String counter)
      throws Exception {
    needKvm();
    Path kernel = new TinyGuest().echoUntil('Q').exit(7).write(folder.resolve("kernel"));
    String log = folder.resolve("log").toString();
    Command.Result recorded =
        Command.runTyping(
            folder,
            "abcQ",
            "record",
            "--log",
            log,
            "--kernel",
            kernel.toString(),
            "--engine",
            engine,
            "--counter",
            counter);
    assertThat(recorded.out()).isEqualTo("abcQ");
    assertThat(recorded.status()).as(recorded.err()).isEqualTo(7);
    for (String replayer : new String[] {"kvm", "soft"}) {
      Command.Result replayed = Command.run(folder, "replay", "--log", log, "--engine", replayer);
      assertThat(replayed.out()).as(replayer).isEqualTo("abcQ");
      assertThat(replayed.err()).as(replayer).contains("identical to the recording");
      assertThat(replayed.status()).as(replayer).isZero();
    }
  }

  @Test
  void aSpinnersReplayEndsWhereItIsCertain() throws Exception {
    Path kernel = new TinyGuest().print("on").spin().write(folder.resolve("kernel"));
    String log = folder.resolve("log").toString();
    try (Command command =
        Command.start(
            folder,
            "record",
            "--log",
            log,
            "--kernel",
            kernel.toString(),
            "--engine",
            "soft",
            "--counter",
            "anchors")) {
      await().until(() -> command.out().equals("on"));
      command.signal("INT");
      assertThat(command.await().status()).isEqualTo(130);
    }
    Command.Result replayed = Command.run(folder, "replay", "--log", log);
    assertThat(replayed.out()).isEqualTo("on");
    assertThat(replayed.err()).contains("as far as the log is certain: up to 2@");
    assertThat(replayed.status()).isEqualTo(85);
  }

  @Test
  void whatCannotBeIsRefused() throws Exception {
    String kernel = new TinyGuest().exit(0).write(folder.resolve("kernel")).toString();
    String log = folder.resolve("log").toString();
    Command.Result unknown =
        Command.run(folder, "record", "--log", log, "--kernel", kernel, "--counter", "fingers");
    assertThat(unknown.status()).isEqualTo(64);
    assertThat(unknown.err())
        .contains("there is no counter 'fingers'; use one of auto, perf, step, anchors");
    Command.Result model =
        Command.run(
            folder,
            "record",
            "--log",
            log,
            "--kernel",
            kernel,
            "--counter",
            "anchors",
            "--cpu-model",
            "lockstep-v1-tsc");
    assertThat(model.status()).isEqualTo(64);
    assertThat(model.err()).contains("without a time-stamp counter");
  }

  private static void needKvm() {
    assumeTrue(
        Files.isReadable(KVM) && Files.isWritable(KVM),
        "no /dev/kvm for this user: recording on kvm is not tested");
  }
}
