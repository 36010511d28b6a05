package dev.lockstep.it.network;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;

/** The folder with the Linux that tests boot. */
public final class GuestImage {
  private GuestImage() {}

  /** The guest image of {@code scripts/guest-image}. */
  public static Path folder() throws IOException, InterruptedException {
    return folder("guest-image");
  }

  /**
   * Has a script of the project make it, if it is not there; without one the test is skipped by name.
   *
   * @param script in the folder {@code scripts}
   */
  static Path folder(String script) throws IOException, InterruptedException {
    Path home = Path.of(System.getenv("LOCKSTEP_HOME"));
    String cache = System.getenv("LOCKSTEP_CACHE");
    Path image = cache == null ? home.resolve(".cache").resolve("guest") : Path.of(cache);
    int status =
        new ProcessBuilder(home.resolve("scripts").resolve(script).toString(), image.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.INHERIT)
            .start()
            .waitFor();
    assumeTrue(
        status == 0,
        "SKIPPED: scripts/%s cannot make the guest image in %s".formatted(script, image));
    return image;
  }
}
