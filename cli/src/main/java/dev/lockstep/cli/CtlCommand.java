package dev.lockstep.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code lockstep ctl}: the commands of an operator. */
@Command(
    name = "ctl",
    description = "Looks after hosts and the VMs that run on them.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      HostsCommand.class,
      PlaceCommand.class,
      CommandLine.HelpCommand.class,
    })
final class CtlCommand implements Runnable {
  @Spec private CommandSpec command = CommandSpec.create();

  @Override
  public void run() {
    throw new ParameterException(command.commandLine(), "say what to do: hosts or place");
  }
}
