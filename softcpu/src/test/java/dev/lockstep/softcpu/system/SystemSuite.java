package dev.lockstep.softcpu.system;

import dev.lockstep.softcpu.Translation;
import java.util.List;

/** The suite by the names of its cases, for those who want to know whether one of them notices something. */
public final class SystemSuite {
  private SystemSuite() {}

  /**
   * Runs the case of that name in every way of driving.
   *
   * @return what it logged otherwise than expected, or an empty string
   */
  public static String difference(String name, long seed) {
    SystemCase found =
        SystemCases.all().stream()
            .filter(one -> one.name.equals(name))
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException("no case is called " + name));
    return difference(found, seed);
  }

  static String difference(SystemCase one, long seed) {
    return difference(one, seed, Translation.configured());
  }

  static String difference(SystemCase one, long seed, Translation translation) {
    Image image = new Image(one);
    for (SoftPlatform.Drive drive : SoftPlatform.Drive.values()) {
      List<String> log = SoftPlatform.run(image, drive, seed, translation);
      if (!log.equals(one.expected)) {
        return "driven by %s, %s, seed %d: expected %s but was %s"
            .formatted(drive, translation, seed, one.expected, log);
      }
    }
    return "";
  }
}
