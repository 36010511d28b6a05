package dev.lockstep.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** This process's file descriptors and mappings, to see that none is left behind. */
public final class Descriptors {
  private Descriptors() {}

  /** Runs it once to warm up, then often, and asserts that descriptors and mappings whose name holds {@code mark} are as many as before. */
  public static void assertNoneLeft(String mark, Runnable opensAndCloses) throws IOException {
    opensAndCloses.run();
    List<String> before = open(mark);
    for (int i = 0; i < 20; i++) {
      opensAndCloses.run();
    }
    assertThat(open(mark)).as("descriptors and mappings of %s", mark).hasSameSizeAs(before);
  }

  /** What is open and mapped, by name. */
  public static List<String> open(String mark) throws IOException {
    List<String> found = new ArrayList<>();
    try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
      for (Path file : files.toList()) {
        try {
          found.add(Files.readSymbolicLink(file).toString());
        } catch (IOException e) {
          // Closed since, by another thread or by the listing itself.
          continue;
        }
      }
    }
    found.addAll(Files.readAllLines(Path.of("/proc/self/maps")));
    found.removeIf(name -> !name.contains(mark));
    return found;
  }
}
