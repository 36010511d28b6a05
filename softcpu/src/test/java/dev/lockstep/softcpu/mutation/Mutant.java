package dev.lockstep.softcpu.mutation;

import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** A software CPU compiled from the module's sources with at most one mistake in them, and the JVMs that test it. */
final class Mutant {
  private static final Path SOURCES = Path.of("src", "main", "java");
  private static final int TIMEOUT_SECONDS = 60;

  private final Path classes;

  private Mutant(Path classes) {
    this.classes = classes;
  }

  /** One source as it is to be. */
  private static final class Source extends SimpleJavaFileObject {
    private final String text;

    Source(Path path, String text) {
      super(URI.create("string:///" + path.toString().replace('\\', '/')), Kind.SOURCE);
      this.text = text;
    }

    @Override
    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
      return text;
    }
  }

  /** The CPU as it is. */
  static Mutant none(Path folder) throws IOException {
    return compile(folder, Path.of(""), "");
  }

  /** The CPU with a mistake. */
  static Mutant of(Mutation mutation, Path folder) throws IOException {
    return compile(folder, mutation.source(), mutation.mutated());
  }

  private static Mutant compile(Path folder, Path changed, String text) throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter messages = new StringWriter();
    try (StandardJavaFileManager files =
        compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
      List<String> options =
          List.of(
              "-d", folder.toString(), "-proc:none", "-nowarn", "-implicit:none", "-cp", path());
      boolean done =
          compiler.getTask(messages, files, null, options, null, sources(changed, text)).call();
      if (!done) {
        throw new IllegalStateException(
            "with its mistake %s does not compile: %s".formatted(changed, messages));
      }
    }
    return new Mutant(folder);
  }

  private static List<JavaFileObject> sources(Path changed, String text) throws IOException {
    try (Stream<Path> found = Files.walk(SOURCES)) {
      List<JavaFileObject> sources = new ArrayList<>();
      for (Path path : found.filter(p -> p.toString().endsWith(".java")).sorted().toList()) {
        sources.add(new Source(path, path.equals(changed) ? text : read(path)));
      }
      return sources;
    }
  }

  private static String read(Path path) {
    try {
      return Files.readString(path);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String path() {
    return System.getProperty("java.class.path");
  }

  /**
   * What killers say of it.
   *
   * @param caught whether one of them noticed a mistake
   * @param words which one, and what it said
   */
  record Verdict(boolean caught, String words) {}

  /** Runs killers until one notices a mistake. One that does not end has noticed it as well. */
  Verdict judge(List<Killer> killers, long seed) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.add("-Dlockstep.seed=" + seed);
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp"));
    command.add(classes + File.pathSeparator + path());
    command.add(KillerMain.class.getName());
    command.add(Long.toString(seed));
    killers.forEach(killer -> command.add(killer.toString()));
    Path output = Files.createTempFile("lockstep-mutant", ".out");
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
      if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
        return new Verdict(true, "the killers did not end in " + TIMEOUT_SECONDS + " s");
      }
      String words = Files.readString(output).strip();
      return switch (process.exitValue()) {
        case KillerMain.CAUGHT -> new Verdict(true, words);
        case KillerMain.ALL_WELL -> new Verdict(false, "survived");
        default -> throw new IllegalStateException("the killers broke down: " + words);
      };
    } finally {
      Files.delete(output);
    }
  }
}
