package dev.lockstep.it.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Small rooms: no source file passes 600 lines, and every package says what lives there. */
final class SourceShapeTest {
  private static final int MAX_LINES = 600;

  @Test
  void noFileOutgrowsItsRoom() throws IOException {
    List<String> outgrown = new ArrayList<>();
    for (Path file : sources()) {
      long lines;
      try (Stream<String> content = Files.lines(file)) {
        lines = content.count();
      }
      if (lines > MAX_LINES) {
        outgrown.add(file + ": " + lines);
      }
    }
    assertThat(outgrown).as("files of more than %d lines", MAX_LINES).isEmpty();
  }

  @Test
  void everyPackageSaysWhatLivesThere() throws IOException {
    TreeSet<Path> silent = new TreeSet<>();
    for (Path file : sources()) {
      // The tests of a package share its package-info.
      Path folder = file.resolveSibling("");
      Path tested = Path.of(folder.toString().replace("/src/test/java/", "/src/main/java/"));
      if (!isNullMarked(folder) && !isNullMarked(tested)) {
        silent.add(folder);
      }
    }
    assertThat(silent).as("packages without a @NullMarked package-info").isEmpty();
  }

  private static boolean isNullMarked(Path folder) throws IOException {
    Path info = folder.resolve("package-info.java");
    return Files.exists(info) && Files.readString(info).contains("@NullMarked");
  }

  private static List<Path> sources() throws IOException {
    Path root = Path.of("..").toAbsolutePath().normalize();
    assertThat(root.resolve("mvnw")).as("the checkout's root").exists();
    List<Path> found = new ArrayList<>();
    try (Stream<Path> modules = Files.list(root)) {
      for (Path module : modules.filter(path -> Files.exists(path.resolve("src"))).toList()) {
        try (Stream<Path> files = Files.walk(module.resolve("src"))) {
          files
              .filter(path -> path.toString().endsWith(".java"))
              .filter(path -> !path.toString().contains("/generated/"))
              .forEach(found::add);
        }
      }
    }
    assertThat(found).as("source files").isNotEmpty();
    return found;
  }
}
