package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the dashboard serves is checked in, and is what scripts/bundle-dashboard makes of its sources. */
final class DashboardBundleTest {
  private static final Path SOURCES = Path.of("src", "main", "web");
  private static final Path SERVED =
      Path.of("src", "main", "resources", "dev", "lockstep", "cli", "dashboard");

  /** The script's, where it cannot tell. */
  private static final int CANNOT_TELL = 75;

  @TempDir Path folder;

  @Test
  void itWasMadeOfTheseSources() throws Exception {
    ByteArrayOutputStream sums = new ByteArrayOutputStream();
    List<Path> files;
    try (Stream<Path> found = Files.walk(SOURCES)) {
      files = found.filter(Files::isRegularFile).toList();
    }
    for (Path file :
        files.stream()
            .sorted(Comparator.comparing(it -> SOURCES.relativize(it).toString()))
            .toList()) {
      sums.writeBytes(
          "%s  ./%s\n"
              .formatted(sha256(Files.readAllBytes(file)), SOURCES.relativize(file))
              .getBytes(StandardCharsets.UTF_8));
    }
    assertThat(Files.readString(SERVED.resolve("app.js")).lines().findFirst().orElseThrow())
        .as("the bundle's first line; run scripts/bundle-dashboard after a change of its sources")
        .contains("sources " + sha256(sums.toByteArray()));
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  @Test
  @Timeout(value = 3, unit = TimeUnit.MINUTES)
  void itIsWhatTheScriptMakes() throws Exception {
    Path script = Path.of("..", "scripts", "bundle-dashboard").toAbsolutePath().normalize();
    try (Command check = Command.start(folder, List.of(script.toString(), "--check"))) {
      Command.Result result = check.await();
      assumeTrue(result.status() != CANNOT_TELL, result.err());
      assertThat(result.status()).as(result.err()).isZero();
    }
  }
}
