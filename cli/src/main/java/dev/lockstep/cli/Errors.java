package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.ConfigException;
import dev.lockstep.vmm.machine.DivergenceException;
import java.io.PrintStream;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Failures as users see them: what and where, then what to do; a stack trace only with {@code --debug}. */
final class Errors
    implements CommandLine.IParameterExceptionHandler,
        CommandLine.IExecutionExceptionHandler,
        CommandLine.IExitCodeExceptionMapper {
  private final PrintStream err;

  Errors(PrintStream err) {
    this.err = err;
  }

  @Override
  public int handleParseException(ParameterException e, String[] args) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    say(e.getMessage() == null ? e.toString() : e.getMessage());
    List<String> suggestions =
        e instanceof UnmatchedArgumentException it ? it.getSuggestions() : List.of();
    err.println(
        suggestions.isEmpty()
            ? "  See '%s --help'.".formatted(command)
            : "  Did you mean %s? See '%s --help'."
                .formatted(String.join(" or ", suggestions), command));
    return ExitStatus.USAGE;
  }

  @Override
  public int handleExecutionException(Exception e, CommandLine line, ParseResult parsed) {
    tell(e);
    if (DebugOption.of(line.getCommandSpec()).filter(DebugOption::debug).isPresent()) {
      e.printStackTrace(err);
    }
    return getExitCode(e);
  }

  @Override
  public int getExitCode(Throwable e) {
    return switch (e) {
      case ParameterException _, ConfigException _ -> ExitStatus.USAGE;
      case DivergenceException _ -> ExitStatus.DIVERGED;
      case StatusException it -> it.status();
      case VmmException _ -> ExitStatus.UNAVAILABLE;
      default -> ExitStatus.SOFTWARE;
    };
  }

  private void tell(Exception e) {
    if (e instanceof VmmException it) {
      say(it.getMessage() == null ? it.toString() : it.getMessage());
      err.println("  " + it.advice());
    } else {
      say("a defect of Lockstep: " + e);
      err.println("  Run it again with --debug and report what it prints.");
    }
  }

  private void say(String message) {
    message.lines().forEach(line -> err.println("lockstep: " + line));
  }
}
