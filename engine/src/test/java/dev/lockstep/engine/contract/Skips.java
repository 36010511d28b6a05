package dev.lockstep.engine.contract;

import java.util.ArrayList;
import java.util.List;

/** The tests that an engine could not be asked to pass, with the reasons: each is printed at once, and all together at the end. */
final class Skips {
  private static final List<String> ALL = new ArrayList<>();

  private Skips() {}

  static synchronized void add(String engine, String test, Capability lacking, String reason) {
    String line = "[%s] %s: lacks %s: %s".formatted(engine, test, lacking, reason);
    ALL.add(line);
    System.out.println("contract test skipped " + line);
  }

  /** Prints what one engine skipped, and how many tests that is. */
  static synchronized void report(String engine) {
    String mark = "[" + engine + "] ";
    List<String> own = ALL.stream().filter(line -> line.startsWith(mark)).toList();
    System.out.printf("engine contract on %s: %d tests skipped%n", engine, own.size());
    own.forEach(line -> System.out.println("  " + line.substring(mark.length())));
  }
}
