package dev.lockstep.cli.dashboard;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The page's files, as {@code scripts/bundle-dashboard} made them. */
final class Assets {
  /** Stands in the page for what must be new in every answer. */
  private static final String NONCE = "@NONCE@";

  private static final Map<String, String> TYPES =
      Map.of(
          "app.js", "text/javascript; charset=utf-8",
          "app.css", "text/css; charset=utf-8",
          "icon.svg", "image/svg+xml",
          "LICENSES.txt", "text/plain; charset=utf-8");

  private static final Set<String> NAMES = TYPES.keySet();

  private final String page = new String(read("index.html"), StandardCharsets.UTF_8);
  private final Map<String, byte[]> files =
      Map.copyOf(NAMES.stream().collect(Collectors.toMap(it -> it, Assets::read)));

  private static byte[] read(String name) {
    try (InputStream in = Assets.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("the dashboard's %s is not packaged".formatted(name));
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The page, with a nonce for the style sheets that its terminal makes. */
  byte[] page(String nonce) {
    return page.replace(NONCE, nonce).getBytes(StandardCharsets.UTF_8);
  }

  /** A file's content; null if there is none of this name. */
  byte @Nullable [] content(String name) {
    return files.get(name);
  }

  /** The content type of a file that there is. */
  String type(String name) {
    return TYPES.getOrDefault(name, "application/octet-stream");
  }
}
