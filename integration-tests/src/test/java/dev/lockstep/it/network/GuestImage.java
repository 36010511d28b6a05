package dev.lockstep.it.network;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

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
   * @param arguments before the folder of the image
   */
  static Path folder(String script, String... arguments) throws IOException, InterruptedException {
    Path home = Path.of(System.getenv("LOCKSTEP_HOME"));
    String cache = System.getenv("LOCKSTEP_CACHE");
    Path image = cache == null ? home.resolve(".cache").resolve("guest") : Path.of(cache);
    List<String> command =
        new ArrayList<>(List.of(home.resolve("scripts").resolve(script).toString()));
    command.addAll(List.of(arguments));
    command.add(image.toString());
    int status =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.INHERIT)
            .start()
            .waitFor();
    assumeTrue(
        status == 0,
        "SKIPPED: %s cannot make the guest image in %s"
            .formatted(String.join(" ", command.subList(0, command.size() - 1)), image));
    return image;
  }
}
