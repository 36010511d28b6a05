package dev.lockstep.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The real command in a process of its own. */
final class Command implements AutoCloseable {
  private static final Duration TIMEOUT = Duration.ofMinutes(3);

  private final Process process;
  private final Path out;
  private final Path err;

  /** What came of it. */
  record Result(int status, String out, String err) {}

  private Command(Process process, Path out, Path err) {
    this.process = process;
    this.out = out;
    this.err = err;
  }

  /** The words that start it, for a guest of a few instructions: most of such a run is Java's start, which takes half the time with one compiler. */
  static List<String> words(String... arguments) {
    return words(List.of("-XX:TieredStopAtLevel=1"), arguments);
  }

  /** The words that start it, for a guest that works. */
  static List<String> wordsForWork(String... arguments) {
    return words(List.of(), arguments);
  }

  private static List<String> words(List<String> java, String... arguments) {
    List<String> words = new ArrayList<>();
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    words.addAll(java);
    words.addAll(
        List.of(
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "--enable-native-access=ALL-UNNAMED",
            "--illegal-native-access=deny",
            "-cp",
            System.getProperty("java.class.path"),
            "dev.lockstep.cli.Lockstep"));
    words.addAll(List.of(arguments));
    return words;
  }

  /** Starts words of any kind. */
  static Command start(Path folder, List<String> words) throws IOException {
    Path out = Files.createTempFile(folder, "out", ".txt");
    Path err = Files.createTempFile(folder, "err", ".txt");
    // A test run in the background of a shell ignores SIGINT, and its children would inherit that.
    List<String> withSignals = new ArrayList<>(List.of("env", "--default-signal=HUP,INT,TERM"));
    withSignals.addAll(words);
    ProcessBuilder builder =
        new ProcessBuilder(withSignals).redirectOutput(out.toFile()).redirectError(err.toFile());
    // Without what was calibrated on this host, so that auto takes the same engine everywhere.
    builder.environment().put("XDG_STATE_HOME", folder.resolve("state").toString());
    Process process = builder.start();
    return new Command(process, out, err);
  }

  /** Starts the command. */
  static Command start(Path folder, String... arguments) throws IOException {
    return start(folder, words(arguments));
  }

  /** Runs the command with nothing on standard input. */
  static Result run(Path folder, String... arguments) throws IOException, InterruptedException {
    return runTyping(folder, "", arguments);
  }

  /** Runs a command in this process, which takes a tenth of the time; for those that only ask, and take no input. */
  static Result here(String... words) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    PrintStream outBefore = System.out;
    PrintStream errBefore = System.err;
    PrintStream outHere = new PrintStream(out, true, StandardCharsets.UTF_8);
    PrintStream errHere = new PrintStream(err, true, StandardCharsets.UTF_8);
    System.setOut(outHere);
    System.setErr(errHere);
    try {
      int status = Lockstep.execute(words, outHere, errHere);
      return new Result(
          status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(outBefore);
      System.setErr(errBefore);
    }
  }

  /** Runs the command with a text on standard input. */
  static Result runTyping(Path folder, String input, String... arguments)
      throws IOException, InterruptedException {
    try (Command command = start(folder, arguments)) {
      command.type(input);
      command.endInput();
      return command.await();
    }
  }

  /** The process's standard input gets a text. */
  void type(String text) throws IOException {
    OutputStream in = process.getOutputStream();
    in.write(text.getBytes(StandardCharsets.ISO_8859_1));
    in.flush();
  }

  void endInput() throws IOException {
    process.getOutputStream().close();
  }

  boolean running() {
    return process.isAlive();
  }

  /** What was put out so far. */
  String out() throws IOException {
    return Files.readString(out, StandardCharsets.ISO_8859_1);
  }

  String err() throws IOException {
    return Files.readString(err, StandardCharsets.ISO_8859_1);
  }

  /** Sends a signal. */
  void signal(String name) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor();
  }

  /** Waits for the end. */
  Result await() throws IOException, InterruptedException {
    return await(TIMEOUT);
  }

  /** Waits for the end, so long at most. */
  Result await(Duration timeout) throws IOException, InterruptedException {
    if (!process.waitFor(timeout)) {
      throw new AssertionError(
          "no end after %s; out: %s; err: %s".formatted(timeout, out(), err()));
    }
    return new Result(process.exitValue(), out(), err());
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
