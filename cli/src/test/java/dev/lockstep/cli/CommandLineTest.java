package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Words that are wrong get one line that says what and where, one that helps, and no stack trace. */
final class CommandLineTest {
  @TempDir Path folder;

  @Test
  void tellsItsVersionAndItsUse() throws Exception {
    Command.Result version = Command.run(folder, "--version");
    assertThat(version.status()).isZero();
    assertThat(version.out()).startsWith("lockstep ").doesNotContain("${");
    Command.Result help = Command.run(folder, "run", "--help");
    assertThat(help.status()).isZero();
    assertThat(help.out()).contains("--kernel", "--disk", "Exit status:", "triple fault");
    Command.Result nothing = Command.run(folder);
    assertThat(nothing.status()).isEqualTo(64);
    assertThat(nothing.err()).contains("Usage: lockstep");
    assertThat(nothing.out()).isEmpty();
  }

  @Test
  void refusesWhatItDoesNotKnow() throws Exception {
    refuses(64, "lockstep: Unmatched argument at index 0: 'rum'", "rum");
    refuses(64, "lockstep: Unknown option: '--memmory'", "run", "--memmory");
    refuses(64, "lockstep: Missing required option: '--log=FOLDER'", "record");
    refuses(64, "lockstep: Missing required parameter for option '--kernel'", "run", "--kernel");
    refuses(64, "lockstep: Invalid value for option '--seed'", "run", "--seed", "x");
  }

  @Test
  void tellsEverythingThatIsWrongWithAConfiguration() throws Exception {
    Command.Result flags =
        refuses(
            64,
            "lockstep: --memory: '5X' is no size; write 512M or 2G\n",
            "run",
            "--kernel=k",
            "--memory=5X",
            "--cpu-model=i486",
            "--net=wire=7",
            "--disk=,ro");
    assertThat(flags.err())
        .contains("lockstep: --cpu-model: there is no CPU model named 'i486'")
        .contains("lockstep: --disk: the path is empty\n")
        .contains(
            "lockstep: --net: 'wire=7' is no network: write tap=NAME, passt, passt=SOCKET or unplugged")
        .endsWith("  Correct them.\n");
    Path file = folder.resolve("vm.json");
    Files.writeString(
        file,
        """
        {
          "boot-source": {"kernel_image_path": "k"},
          "machine-config": {"mem_size_mb": 128}
        }
        """);
    refuses(
        64,
        "lockstep: %s:3:22: unknown key 'mem_size_mb' in machine-config; did you mean 'mem_size_mib'?"
            .formatted(file),
        "run",
        "--config",
        file.toString());
    refuses(
        69, "lockstep: the configuration 'none.json' does not exist", "run", "--config=none.json");
  }

  @Test
  void refusesBadFiles() throws Exception {
    Path text = Files.writeString(folder.resolve("text"), "not a kernel\n");
    refuses(
        69,
        "lockstep: kernel '%s' cannot be booted: it begins like neither a bzImage nor"
            .formatted(text),
        "run",
        "--kernel",
        text.toString());
    refuses(69, "/none' does not exist", "run", "--kernel", folder.resolve("none").toString());
    Path kernel = new TinyGuest().exit(0).write(folder.resolve("kernel"));
    refuses(
        69,
        "lockstep: passt cannot be reached by its socket '%s'".formatted(folder.resolve("none")),
        "run",
        "--engine=soft",
        "--net=passt=" + folder.resolve("none"),
        "--kernel",
        kernel.toString());
    refuses(
        69,
        "lockstep: initrd '%s' is not usable: it begins like neither".formatted(text),
        "run",
        "--kernel",
        kernel.toString(),
        "--initrd",
        text.toString());
    refuses(69, "there is no folder", "replay", "--log", folder.resolve("none").toString());
    refuses(69, "there is no machine in", "replay", "--log", folder.toString());
  }

  @Test
  void showsStackTracesOnlyWhenAsked() throws Exception {
    Command.Result result =
        Command.run(folder, "run", "--debug", "--kernel", folder.resolve("none").toString());
    assertThat(result.err()).contains("VmmException").contains("\tat dev.lockstep");
  }

  private Command.Result refuses(int status, String message, String... arguments)
      throws IOException, InterruptedException {
    Command.Result result = Command.run(folder, arguments);
    assertThat(result.err()).contains(message).contains("\n  ").doesNotContain("\tat ");
    assertThat(result.status()).isEqualTo(status);
    assertThat(result.out()).isEmpty();
    return result;
  }
}
