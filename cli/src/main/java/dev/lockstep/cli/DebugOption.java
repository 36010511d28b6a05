package dev.lockstep.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Option;

/** How much is told about the inside. */
final class DebugOption {
  /** A command that has it. */
  interface Carrier {
    /** Whether stack traces are wanted. */
    boolean debug();
  }

  @Option(names = "--debug", description = "Show stack traces of errors.")
  private boolean debug;

  @Option(
      names = {"-v", "--verbose"},
      description = "Log to standard error; twice for more.")
  private boolean[] verbose = {};

  boolean debug() {
    return debug;
  }

  /** Sets the log's level. Without a wish it is what the log begins with, and a log that nothing is said in need not be there. */
  void apply() {
    if (verbose.length > 0 && LoggerFactory.getLogger("dev.lockstep") instanceof Logger it) {
      it.setLevel(verbose.length == 1 ? Level.INFO : Level.DEBUG);
    }
  }
}
