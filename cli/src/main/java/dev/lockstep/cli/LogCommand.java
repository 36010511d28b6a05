package dev.lockstep.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code lockstep log}: the commands that look at event logs. */
@Command(
    name = "log",
    description = "Looks at event logs: what they hold, how two differ, whether they are whole.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      LogInfoCommand.class,
      LogDumpCommand.class,
      LogDiffCommand.class,
      VerifyCommand.class,
      CommandLine.HelpCommand.class,
    })
final class LogCommand implements Runnable {
  @Spec private CommandSpec command = CommandSpec.create();

  @Override
  public void run() {
    throw new ParameterException(
        command.commandLine(), "say what to do with the log: info, dump, diff or verify");
  }
}
