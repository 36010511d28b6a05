package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.vmm.disk.DiskMarker;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Small guests run by the real command: what they print, what they read, and how they end. */
final class RunTest {
  @TempDir Path folder;

  @Test
  void theGuestsWayToEndIsTheExitStatus() throws Exception {
    assertThat(run(new TinyGuest().exit(0)).status()).isZero();
    assertThat(run(new TinyGuest().exit(7)).status()).isEqualTo(7);
    assertThat(run(new TinyGuest().exit(200)).status()).isEqualTo(63);
    assertThat(run(new TinyGuest().powerOff()).status()).isZero();
    Command.Result tripleFault = run(new TinyGuest().emit(0x0f, 0x0b)); // ud2, without a handler
    assertThat(tripleFault.status()).isEqualTo(81);
    assertThat(tripleFault.err()).contains("lockstep: triple fault");
  }

  @Test
  void standardOutputIsTheGuestsAlone() throws Exception {
    Command.Result result = run(new TinyGuest().print("Hello,\r\nworld \u0001\u007f").exit(3));
    assertThat(result.out()).isEqualTo("Hello,\r\nworld \u0001\u007f");
    assertThat(result.err()).isEmpty();
    assertThat(result.status()).isEqualTo(3);
  }

  @Test
  void aPipeIsTheGuestsInput() throws Exception {
    Path kernel = kernel(new TinyGuest().echoUntil('Q').exit(0));
    String typed = "abc\u001dq\u0003\n" + "0123456789".repeat(500) + "Q";
    Command.Result result = Command.runTyping(folder, typed, "run", "--kernel", kernel.toString());
    assertThat(result.out()).isEqualTo(typed);
    assertThat(result.status()).isZero();
  }

  @Test
  void statisticsComeAsATableOrAsJson() throws Exception {
    Path kernel = kernel(new TinyGuest().print("x").exit(5));
    Command.Result table = Command.run(folder, "run", "--kernel", kernel.toString(), "--stats");
    assertThat(table.err())
        .containsPattern("exit status +5\n")
        .containsPattern("output bytes +1\n")
        .containsPattern("translator +on\n");
    Command.Result json = Command.run(folder, "run", "--kernel", kernel.toString(), "--json");
    JsonNode values = new JsonMapper().readTree(json.err());
    assertThat(values.get("end").asString()).isEqualTo("guest_exit");
    assertThat(values.get("exit_status").asInt()).isEqualTo(5);
    assertThat(values.get("instructions").asLong()).isEqualTo(5);
    assertThat(values.get("output_bytes").asLong()).isOne();
  }

  @Test
  void theTranslatorIsAnOptionOfTheHost() throws Exception {
    String kernel = kernel(new TinyGuest().print("x").exit(5)).toString();
    Path config =
        Files.writeString(
            folder.resolve("vm.json"),
            "{\"machine-config\": {\"translator\": \"on:7\", \"engine\": \"soft\"}}");
    String[] words = {"run", "--config", config.toString(), "--kernel", kernel, "--json"};
    Command.Result asConfigured = Command.run(folder, words);
    assertThat(values(asConfigured).get("translator").asString()).isEqualTo("on:7");
    Command.Result replaced =
        Command.run(
            folder,
            Stream.concat(Stream.of(words), Stream.of("--translator", "on"))
                .toArray(String[]::new));
    assertThat(values(replaced).get("translator").asString()).isEqualTo("on");
    Command.Result wrong = Command.here("run", "--kernel", kernel, "--translator", "fast");
    assertThat(wrong.status()).isEqualTo(64);
    assertThat(wrong.err())
        .contains(
            "--translator: there is no translator 'fast'; use one of off, on, bytecode, on:THRESHOLD, bytecode:THRESHOLD");
  }

  private static JsonNode values(Command.Result result) {
    assertThat(result.status()).isEqualTo(5);
    return new JsonMapper().readTree(result.err());
  }

  @Test
  void signalsEndTheMachine() throws Exception {
    Path kernel = kernel(new TinyGuest().print("on").spin());
    for (String[] signal : new String[][] {{"INT", "130"}, {"HUP", "143"}}) {
      try (Command command = Command.start(folder, "run", "--kernel", kernel.toString())) {
        await().until(() -> command.out().equals("on"));
        command.signal(signal[0]);
        assertThat(command.await().status()).isEqualTo(Integer.parseInt(signal[1]));
      }
    }
  }

  @Test
  void aGuestThatIgnoresTermIsStoppedByASecondOne() throws Exception {
    Path kernel = kernel(new TinyGuest().print("on").spin());
    try (Command command = Command.start(folder, "run", "--kernel", kernel.toString())) {
      await().until(() -> command.out().equals("on"));
      command.signal("TERM");
      command.signal("TERM");
      assertThat(command.await().status()).isEqualTo(143);
    }
  }

  @Test
  void aDiskIsRefusedThatIsMissingInUseOrStale() throws Exception {
    Path disk = Files.write(folder.resolve("disk"), new byte[1 << 20]);
    String kernel = kernel(new TinyGuest().print("on").spin()).toString();
    String exit = new TinyGuest().exit(0).write(folder.resolve("exit")).toString();
    Command.Result missing =
        Command.run(folder, "run", "--kernel", exit, "--disk", folder.resolve("none").toString());
    assertThat(missing.err()).contains("disk image '", "none' does not exist");
    assertThat(missing.status()).isEqualTo(69);

    String[] other = {"run", "--name=other", "--kernel", kernel, "--disk", disk.toString()};
    try (Command command = Command.start(folder, other)) {
      await().until(() -> command.out().equals("on"));
      Command.Result inUse =
          Command.run(folder, "run", "--kernel", exit, "--disk", disk.toString());
      assertThat(inUse.err()).contains("disk image '%s' is in use by VM other".formatted(disk));
      assertThat(inUse.status()).isEqualTo(69);
    }

    new DiskMarker("lockstep", 3, DiskMarker.State.STALE).write(disk);
    Command.Result stale = Command.run(folder, "run", "--kernel", exit, "--disk", disk.toString());
    assertThat(stale.err()).contains("disk image '%s' is stale".formatted(disk));
    assertThat(stale.status()).isEqualTo(69);
    assertThat(
            Command.run(folder, "run", "--kernel", exit, "--force-disk", "--disk", disk.toString())
                .status())
        .isZero();
  }

  @Test
  void theTerminalIsRawAndComesBack() throws Exception {
    assumeTrue(
        Files.isExecutable(Path.of("/usr/bin/script")),
        "SKIPPED: script(1) of bsdutils is not installed");
    Path kernel = kernel(new TinyGuest().print("on").echoUntil('Q').spin());
    String run = String.join(" ", Command.words("run", "--kernel", kernel.toString()));
    // Ctrl-C and Ctrl-D are bytes for the guest; Ctrl-] twice leaves; afterwards the terminal
    // echoes again.
    List<String> words =
        List.of(
            "script",
            "-qec",
            "stty -g; " + run + "; echo left $?; stty -g",
            folder + "/typescript");
    try (Command command = Command.start(folder, words)) {
      await().until(() -> command.out().contains("on"));
      command.type("\u0003ab\u0004");
      await().until(() -> command.out().contains("\u0003ab\u0004"));
      command.type("\u001d");
      await().until(() -> command.out().contains("Ctrl-] or q leaves"));
      command.type("\u001d");
      Command.Result result = command.await();
      List<String> lines = result.out().lines().map(String::strip).toList();
      assertThat(result.out()).contains("left 0");
      assertThat(lines.getLast()).as("the terminal's settings").isEqualTo(lines.getFirst());
    }
  }

  private Path kernel(TinyGuest guest) throws Exception {
    return guest.write(folder.resolve("kernel"));
  }

  private Command.Result run(TinyGuest guest) throws Exception {
    return Command.run(folder, "run", "--memory=64M", "--kernel", kernel(guest).toString());
  }
}
