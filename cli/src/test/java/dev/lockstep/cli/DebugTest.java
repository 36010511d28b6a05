package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lockstep debug} as a user has it: the command in one process, gdb in another. */
final class DebugTest {
  private static final Path GDB = Path.of("/usr/bin/gdb");
  private static final Pattern TARGET = Pattern.compile("target remote (\\S+)");

  @TempDir Path folder;
  private String log = "";

  @BeforeEach
  void record() throws Exception {
    log = folder.resolve("log").toString();
    String kernel =
        new TinyGuest()
            .print("ready\n")
            .echoUntil('Q')
            .exit(9)
            .write(folder.resolve("kernel"))
            .toString();
    Command.Result recorded =
        Command.runTyping(folder, "xyzQ", "record", "--log", log, "--kernel", kernel);
    assertThat(recorded.status()).isEqualTo(9);
  }

  @Test
  void gdbAttachesGoesToTheEndAndBack() throws Exception {
    assumeTrue(Files.isExecutable(GDB), "SKIPPED: no gdb here; apt-get install gdb");
    Path map = Files.writeString(folder.resolve("map"), "100000 T tiny\n");
    try (Command debug =
        Command.start(
            folder,
            "debug",
            "--log",
            log,
            "--listen",
            "localhost:0",
            "--symbols",
            map.toString())) {
      List<String> words =
          List.of(
              GDB.toString(),
              "-nx",
              "-batch",
              "-ex",
              "target remote " + target(debug),
              "-ex",
              "continue",
              "-ex",
              "reverse-stepi",
              "-ex",
              "x/i $pc",
              "-ex",
              "reverse-continue",
              "-ex",
              "print/x $pc",
              "-ex",
              "monitor info",
              "-ex",
              "kill");
      try (Command gdb = Command.start(folder, words)) {
        Command.Result result = gdb.await();
        assertThat(result.out() + result.err())
            .contains("the recording ends here: GUEST_EXIT", "$1 = 0x100000", " <tiny>")
            .containsPattern("out +%al,\\$0xf4");
      }
      assertThat(debug.await().status()).isZero();
    }
  }

  @Test
  void endsByCtrlC() throws Exception {
    try (Command debug = Command.start(folder, "debug", "--log", log, "--listen", "localhost:0")) {
      assertThat(target(debug)).isNotEmpty();
      debug.signal("INT");
      Command.Result result = debug.await();
      assertThat(result.status()).isEqualTo(ExitStatus.INTERRUPTED);
      assertThat(result.err()).doesNotContain("\tat ");
    }
  }

  @Test
  void saysWhatIsWrong() throws Exception {
    Command.Result nowhere =
        Command.run(folder, "debug", "--log", folder.resolve("none").toString());
    assertThat(nowhere.status()).isEqualTo(ExitStatus.UNAVAILABLE);
    assertThat(nowhere.err()).contains("there is no folder").doesNotContain("\tat ");
    Command.Result address = Command.run(folder, "debug", "--log", log, "--listen", "nonsense");
    assertThat(address.status()).isEqualTo(ExitStatus.UNAVAILABLE);
    Command.Result symbols = Command.run(folder, "debug", "--log", log, "--symbols", log);
    assertThat(symbols.status()).isEqualTo(ExitStatus.UNAVAILABLE);
    assertThat(symbols.err()).contains("has no symbols").doesNotContain("\tat ");
    assertThat(address.err()).contains("cannot listen on 'nonsense'").doesNotContain("\tat ");
  }

  private static String target(Command debug) {
    await()
        .atMost(Duration.ofMinutes(1))
        .until(() -> !debug.running() || debug.err().contains("target remote"));
    Matcher matcher = TARGET.matcher(errorOf(debug));
    assertThat(matcher.find()).as(errorOf(debug)).isTrue();
    return matcher.group(1);
  }

  private static String errorOf(Command debug) {
    try {
      return debug.err();
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
