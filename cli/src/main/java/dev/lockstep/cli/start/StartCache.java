package dev.lockstep.cli.start;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The AOT cache that belongs to this build, this JDK and this kind of command: there is one for machines by themselves, and one for replicas and who steers them.
 *
 * @param file where it is, or will be when it is trained
 */
public record StartCache(Path file) {
  /** How the launcher tells where it is. */
  private static final String VARIABLE = "LOCKSTEP_START_CACHE";

  /** The one that the launcher named; null if this process was started otherwise, or it is switched off. */
  public static @Nullable StartCache named() {
    String file = System.getenv(VARIABLE);
    return file == null || file.isEmpty() ? null : new StartCache(Path.of(file));
  }

  /** What a JVM is to be given so that it uses the cache, and says nothing if it cannot; nothing where there is none. */
  public static List<String> jvmOptions() {
    StartCache cache = named();
    return cache == null || !cache.exists()
        ? List.of()
        : List.of("-XX:AOTCache=" + cache.file(), "-Xlog:aot*=off", "-Xlog:cds*=off");
  }

  /** The one for replicas of the same build and JDK. */
  public StartCache ofReplicas() {
    String name = file.getFileName().toString();
    return new StartCache(file.resolveSibling(name.replaceFirst("-[a-z]+[.]aot$", "-pair.aot")));
  }

  /** Whether it was trained. */
  public boolean exists() {
    return Files.isRegularFile(file);
  }

  /** Why its training failed, which is then not tried again; null if it did not. */
  public @Nullable String failure() {
    try {
      return Files.readString(failed()).strip();
    } catch (NoSuchFileException e) {
      return null;
    } catch (IOException e) {
      return "the reason cannot be read: " + e.getMessage();
    }
  }

  /** The file that tells that its training failed; without it, it is tried again. */
  public Path failed() {
    return file.resolveSibling(file.getFileName() + ".failed");
  }
}
