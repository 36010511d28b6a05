package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --engine} on the real command: what each name gives, and what is refused before anything starts. */
final class EngineTest {
  @TempDir Path folder;

  @Test
  void smallGuestsDoTheSameOnKvm() throws Exception {
    needKvm();
    Path hello = kernel(new TinyGuest().print("Hello,\r\nworld \u0001\u007f").exit(3));
    Path echo = kernel(new TinyGuest().echoUntil('Q').exit(0));
    Path fault = kernel(new TinyGuest().emit(0x0f, 0x0b));
    String typed = "abc" + "0123456789".repeat(50) + "Q";
    for (String engine : new String[] {"soft", "kvm"}) {
      Command.Result said = run("--engine", engine, "--kernel", hello.toString());
      assertThat(said.out()).as(engine).isEqualTo("Hello,\r\nworld \u0001\u007f");
      assertThat(said.err()).as(engine).isEmpty();
      assertThat(said.status()).as(engine).isEqualTo(3);
      Command.Result echoed =
          Command.runTyping(folder, typed, "run", "--engine", engine, "--kernel", echo.toString());
      assertThat(echoed.out()).as(engine).isEqualTo(typed);
      assertThat(run("--engine", engine, "--kernel", fault.toString()).status())
          .as(engine)
          .isEqualTo(81);
    }
  }

  @Test
  void aSnapshotOfEitherEngineGoesOnOnTheOther() throws Exception {
    needKvm();
    Path kernel =
        kernel(
            new TinyGuest()
                .print("one\n")
                .echoUntil('A')
                .print("two\n")
                .echoUntil('B')
                .print("three\n")
                .echoUntil('Q')
                .exit(9));
    String first = folder.resolve("first").toString();
    String second = folder.resolve("second").toString();
    snapshot(
        first,
        "one",
        "",
        "--engine",
        "kvm",
        "--cpu-model",
        "lockstep-v1",
        "--kernel",
        kernel.toString());
    snapshot(second, "two", "A", "--engine", "soft", "--from", first);
    Command.Result last =
        Command.runTyping(folder, "BQ", "run", "--engine", "kvm", "--from", second);
    assertThat(last.out()).endsWith("Bthree\nQ");
    assertThat(last.status()).isEqualTo(9);
  }

  /** Takes a snapshot as soon as the console shows a text, typing what leads there. */
  private void snapshot(String to, String when, String typed, String... options) throws Exception {
    List<String> words =
        new ArrayList<>(List.of("run", "--snapshot-to", to, "--snapshot-when", when));
    words.addAll(List.of(options));
    try (Command command = Command.start(folder, words.toArray(String[]::new))) {
      command.type(typed);
      await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> command.err().contains("lockstep: snapshot in '" + to));
      command.signal("KILL");
    }
  }

  @Test
  void aSpinningGuestOnKvmIsStopped() throws Exception {
    needKvm();
    Path kernel = kernel(new TinyGuest().print("on").spin());
    try (Command command =
        Command.start(folder, "run", "--engine", "kvm", "--kernel", kernel.toString())) {
      await().until(() -> command.out().equals("on"));
      command.signal("INT");
      assertThat(command.await().status()).isEqualTo(130);
    }
  }

  @Test
  void autoSaysWhatItPickedAndWhy() throws Exception {
    String kernel = kernel(new TinyGuest().exit(0)).toString();
    Command.Result free = run("--engine", "auto", "--kernel", kernel);
    assertThat(free.err()).matches("engine: (soft|kvm) \\(.+\\)\n");
    Command.Result recorded =
        Command.run(
            folder,
            "record",
            "--log",
            folder.resolve("log").toString(),
            "--engine",
            "auto",
            "--kernel",
            kernel);
    assertThat(recorded.err()).startsWith("engine: soft (recording needs an exact branch counter");
    assertThat(recorded.status()).isZero();
  }

  @Test
  void whatAnEngineCannotDoIsRefusedByName() throws Exception {
    String kernel = kernel(new TinyGuest().exit(0)).toString();
    Path log = folder.resolve("log");
    Command.Result recorded =
        Command.run(
            folder, "record", "--log", log.toString(), "--engine", "kvm", "--kernel", kernel);
    assertThat(recorded.err())
        .contains("--engine: engine kvm cannot do this: recording needs an exact branch counter")
        .contains("--engine soft")
        .contains("lockstep run --engine kvm");
    assertThat(recorded.status()).isNotZero();
    assertThat(log).doesNotExist();
    assertThat(run("--engine", "tcg", "--kernel", kernel).err())
        .contains("--engine: there is no engine 'tcg'; use one of soft, kvm, auto");
    needKvm();
    assertThat(run("--engine", "kvm", "--cpu-model", "lockstep-v1-tsc", "--kernel", kernel).err())
        .contains("lockstep-v1-tsc has a virtual time-stamp counter, which KVM cannot give")
        .contains("--cpu-model lockstep-v1");
  }

  private Command.Result run(String... arguments) throws Exception {
    String[] words = new String[arguments.length + 1];
    words[0] = "run";
    System.arraycopy(arguments, 0, words, 1, arguments.length);
    return Command.run(folder, words);
  }

  private Path kernel(TinyGuest guest) throws Exception {
    return guest.write(Files.createTempFile(folder, "kernel", ""));
  }

  private static void needKvm() {
    Path device = Path.of("/dev/kvm");
    assumeTrue(
        Files.isReadable(device) && Files.isWritable(device),
        "no /dev/kvm for this user: the kvm engine is not tried by the command");
  }
}
