package dev.lockstep.softcpu.oracle;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** Cases in which the software CPU once differed from the host, kept beside the form tables and replayed in every run. A case is a text file: the form's line, then the request in hexadecimal. */
final class Corpus {
  private static final Path FOLDER = folder();

  /** In this module's sources, also where another module's tests run. */
  private static Path folder() {
    Path inside = Path.of("src", "test", "resources", "dev", "lockstep", "softcpu", "oracle");
    Path root = Files.isDirectory(inside) ? Path.of("") : Path.of("..", "softcpu");
    return root.resolve(inside).resolve("corpus");
  }

  /**
   * @param form what it is a case of
   * @param asked the case
   * @param file where it is kept
   */
  record Saved(Form form, OracleCase asked, Path file) {}

  private Corpus() {}

  /** Keeps a case; the file goes into the next commit. */
  static Path save(Form form, OracleCase asked) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(OracleCase.REQUEST_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    asked.writeTo(bytes);
    String hex = HexFormat.of().formatHex(bytes.array());
    Files.createDirectories(FOLDER);
    String name =
        "%s-%08x.case".formatted(form.name().replaceAll("[^a-z0-9-]", ""), hex.hashCode());
    return Files.writeString(
        FOLDER.resolve(name), form.line() + "\n" + hex + "\n", StandardCharsets.US_ASCII);
  }

  /** All that were kept. */
  static List<Saved> load() throws IOException {
    List<Saved> saved = new ArrayList<>();
    if (!Files.isDirectory(FOLDER)) {
      return saved;
    }
    try (Stream<Path> files = Files.list(FOLDER)) {
      for (Path file : files.sorted().toList()) {
        List<String> lines = Files.readAllLines(file, StandardCharsets.US_ASCII);
        ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(lines.get(1)));
        saved.add(new Saved(Form.parse(lines.get(0)), OracleCase.readFrom(bytes), file));
      }
    }
    return saved;
  }
}
