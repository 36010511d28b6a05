package dev.lockstep.softcpu.system;

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
    Image image = new Image(one);
    for (SoftPlatform.Drive drive : SoftPlatform.Drive.values()) {
      List<String> log = SoftPlatform.run(image, drive, seed);
      if (!log.equals(one.expected)) {
        return "driven by %s, seed %d: expected %s but was %s"
            .formatted(drive, seed, one.expected, log);
      }
    }
    return "";
  }
}
