package dev.lockstep.kvmcpu.campaign;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Cases that once showed a defect, kept as files and done again in every build. */
final class FuzzCorpus {
  private static final Path FOLDER =
      Path.of("src", "test", "resources", "dev", "lockstep", "kvmcpu", "campaign", "corpus");

  /**
   * @param it the case
   * @param file where it is kept
   */
  record Saved(FuzzCase it, Path file) {}

  private FuzzCorpus() {}

  /** Keeps a case; the file goes into the next commit. */
  static Path save(FuzzCase it) throws IOException {
    Files.createDirectories(FOLDER);
    String text = it.text();
    return Files.writeString(
        FOLDER.resolve("%08x.case".formatted(text.hashCode())), text, StandardCharsets.US_ASCII);
  }

  /** All that were kept. */
  static List<Saved> load() throws IOException {
    List<Saved> saved = new ArrayList<>();
    if (!Files.isDirectory(FOLDER)) {
      return saved;
    }
    try (Stream<Path> files = Files.list(FOLDER)) {
      for (Path file : files.sorted().toList()) {
        saved.add(
            new Saved(FuzzCase.parse(Files.readAllLines(file, StandardCharsets.US_ASCII)), file));
      }
    }
    return saved;
  }
}
