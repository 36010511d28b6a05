package dev.lockstep.cli.start;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** What the launcher gives the JVM, for processes that are started without it and are to run as it runs them. */
public final class JvmOptions {
  /** An argument file of {@code java}, one option a line, the launcher's own. */
  private static final String FILE = "jvm-options";

  private JvmOptions() {}

  /** Of a replica's JVM, but for the start cache: {@link StartCache#jvmOptions}. */
  public static List<String> ofReplicas() {
    try (InputStream file = JvmOptions.class.getResourceAsStream(FILE)) {
      if (file == null) {
        throw new IllegalStateException(FILE + " is not beside its class");
      }
      return new BufferedReader(new InputStreamReader(file, StandardCharsets.UTF_8))
          .lines()
          .filter(line -> !line.isBlank() && !line.startsWith("#"))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
