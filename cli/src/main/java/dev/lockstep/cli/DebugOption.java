package dev.lockstep.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.util.Optional;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** How much is told about the inside. Every command that does something has it, as its last mixin, and says nothing of it itself. */
final class DebugOption {
  private static final String MIXIN = "debug";

  @Option(names = "--debug", description = "Show stack traces of errors.")
  private boolean debug;

  @Option(
      names = {"-v", "--verbose"},
      description = "Log to standard error; twice for more.")
  private boolean[] verbose = {};

  /** Gives it to a command. */
  static void addTo(CommandSpec command) {
    command.addMixin(MIXIN, CommandSpec.forAnnotatedObject(new DebugOption()));
  }

  /** That of a command; empty for one that only has others. */
  static Optional<DebugOption> of(CommandSpec command) {
    return Optional.ofNullable(command.mixins().get(MIXIN))
        .map(mixin -> (DebugOption) mixin.userObject());
  }

  /** Whether stack traces are wanted. */
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
