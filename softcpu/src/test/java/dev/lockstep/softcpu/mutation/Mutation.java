package dev.lockstep.softcpu.mutation;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A mistake in one source file.
 *
 * @param subject what part of the CPU it is in
 * @param file below the CPU's package
 * @param original text that the file has exactly once
 * @param replacement what stands there instead
 * @param why what the mistake is
 * @param killers the tests that must notice it: one of them does
 */
record Mutation(
    String subject,
    String file,
    String original,
    String replacement,
    String why,
    List<Killer> killers) {
  private static final Path SOURCES = Path.of("src", "main", "java", "dev", "lockstep", "softcpu");

  /** The whole table. */
  static List<Mutation> load() {
    try (InputStream in = Mutation.class.getResourceAsStream("mutations.txt")) {
      if (in == null) {
        throw new IllegalStateException("mutations.txt is not among the test resources");
      }
      List<Mutation> mutations = new ArrayList<>();
      for (String block : new String(in.readAllBytes(), StandardCharsets.UTF_8).split("\n\n+")) {
        List<String> lines = block.lines().filter(line -> !line.startsWith("#")).toList();
        if (!lines.isEmpty()) {
          mutations.add(parse(lines));
        }
      }
      return mutations;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Mutation parse(List<String> lines) {
    String head = lines.getFirst();
    int end = head.indexOf("] ");
    if (!head.startsWith("[") || end < 0) {
      throw new IllegalStateException("a mutation begins with [subject] File.java, not " + head);
    }
    String original = text(lines, "- ");
    String replacement = text(lines, "+ ");
    String why = values(lines, "why: ").getFirst();
    List<Killer> killers = values(lines, "kill: ").stream().map(Killer::parse).toList();
    if (original.isEmpty() || replacement.isEmpty() || killers.isEmpty()) {
      throw new IllegalStateException("the mutation '" + why + "' lacks a text or a killer");
    }
    return new Mutation(
        head.substring(1, end), head.substring(end + 2), original, replacement, why, killers);
  }

  private static String text(List<String> lines, String mark) {
    return String.join("\n", values(lines, mark));
  }

  private static List<String> values(List<String> lines, String mark) {
    return lines.stream()
        .filter(line -> line.startsWith(mark))
        .map(line -> line.substring(mark.length()))
        .toList();
  }

  Path source() {
    return SOURCES.resolve(file);
  }

  /** How often the original stands in its file. */
  int occurrences() throws IOException {
    String source = Files.readString(source());
    int count = 0;
    for (int at = source.indexOf(original); at >= 0; at = source.indexOf(original, at + 1)) {
      count++;
    }
    return count;
  }

  /** The file with the mistake in it. */
  String mutated() throws IOException {
    if (occurrences() != 1) {
      throw new IllegalStateException(
          "%s has the text of '%s' %d times, not once: the table must follow the source"
              .formatted(file, why, occurrences()));
    }
    return Files.readString(source()).replace(original, replacement);
  }

  @Override
  public String toString() {
    return "[%s] %s: %s".formatted(subject, file, why);
  }
}
