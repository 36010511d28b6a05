package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Debian's stock kernel on the guest image, by the real command: booted once to the shell and kept there as a snapshot, from
 * which each test goes on.
 */
final class LinuxTest {
  private static final Duration BOOT = Duration.ofMinutes(10);
  private static final String PROMPT = "/root # ";

  @TempDir static Path folder = Path.of("");
  private static String snapshot = "";

  @BeforeAll
  static void boot() throws Exception {
    Path image =
        Optional.ofNullable(System.getenv("LOCKSTEP_CACHE"))
            .map(Path::of)
            .orElse(Path.of("..", ".cache", "guest"));
    assumeTrue(
        Files.exists(image.resolve("complete")),
        "SKIPPED: no guest image in %s; make it by scripts/guest-image".formatted(image));
    snapshot = folder.resolve("snapshot").toString();
    Path disk = Files.createFile(folder.resolve("disk"));
    SparseCopy.copy(image.resolve("disk.ext4"), disk);
    List<String> words =
        Command.wordsForWork(
            "run",
            "--kernel",
            image.resolve("vmlinuz").toString(),
            "--initrd",
            image.resolve("initrd").toString(),
            "--disk",
            disk.toString(),
            "--append",
            "quiet",
            "--snapshot-to",
            snapshot,
            "--snapshot-when",
            PROMPT);
    try (Command command = Command.start(folder, words)) {
      await().atMost(BOOT).until(() -> !command.running() || command.err().contains("snapshot in"));
      assertThat(command.running()).as("out: %s err: %s", command.out(), command.err()).isTrue();
    }
  }

  @Test
  void theShellAnswersAndPowersOff() throws Exception {
    try (Command command = Command.start(folder, Command.wordsForWork("run", "--from", snapshot))) {
      command.type("uname -sm; echo $((6 * 7)); cat /proc/cmdline; mount | grep vda\n");
      await().atMost(BOOT).until(() -> command.out().contains("/dev/vda on /mnt type ext4"));
      assertThat(command.out())
          .contains("Linux x86_64\r\n42\r\nconsole=ttyS0 acpi=off")
          .contains("/dev/vda on /mnt type ext4");
      command.type("poweroff\n");
      Command.Result result = command.await(BOOT);
      assertThat(result.status()).isZero();
      assertThat(result.out()).contains("System halted");
    }
  }

  @Test
  void rebootEndsTheMachine() throws Exception {
    try (Command command = Command.start(folder, Command.wordsForWork("run", "--from", snapshot))) {
      command.type("reboot\n");
      assertThat(command.await(BOOT).status()).isEqualTo(ExitStatus.GUEST_RESET);
    }
  }

  @Test
  void panicEndsTheMachine() throws Exception {
    try (Command command = Command.start(folder, Command.wordsForWork("run", "--from", snapshot))) {
      command.type("echo c > /proc/sysrq-trigger\n");
      Command.Result result = command.await(BOOT);
      assertThat(result.out()).contains("Kernel panic");
      assertThat(result.status()).isEqualTo(ExitStatus.GUEST_RESET);
    }
  }

  @Test
  void termIsCtrlAltDelAndTheGuestPowersOff() throws Exception {
    try (Command command = Command.start(folder, Command.wordsForWork("run", "--from", snapshot))) {
      command.type("echo on\n");
      await().atMost(BOOT).until(() -> command.out().contains("\non"));
      command.signal("TERM");
      Command.Result result = command.await(BOOT);
      assertThat(result.out()).contains("System halted");
      assertThat(result.status()).isZero();
    }
  }

  @Test
  void aWorkloadReplaysBitForBit() throws Exception {
    String log = folder.resolve("log").toString();
    Command.Result recorded;
    try (Command command =
        Command.start(
            folder, Command.wordsForWork("record", "--from", snapshot, "--log", log, "--json"))) {
      command.type("lockstep-workload 5; poweroff\n");
      recorded = command.await(BOOT);
    }
    assertThat(recorded.out()).contains("line 000005 sha256=").contains("workload done 5 ");
    assertThat(recorded.status()).isZero();
    try (Command command =
        Command.start(folder, Command.wordsForWork("replay", "--log", log, "--json"))) {
      Command.Result replayed = command.await(BOOT);
      assertThat(replayed.out()).isEqualTo(recorded.out());
      assertThat(replayed.err()).contains("the replay is identical to the recording");
      assertThat(digest(replayed)).isEqualTo(digest(recorded));
    }
  }

  private static String digest(Command.Result result) {
    int start = result.err().indexOf("\"digest\"");
    assertThat(start).as(result.err()).isNotNegative();
    return result.err().substring(start, result.err().indexOf('}', start));
  }
}
