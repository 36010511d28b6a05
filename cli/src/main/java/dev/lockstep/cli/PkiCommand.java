package dev.lockstep.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code lockstep pki}: certificates for hosts that have no other authority. */
@Command(
    name = "pki",
    description =
        "Makes the certificates by which hosts know each other (mutual TLS): an authority of your own, and a certificate and key for each host.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      PkiInitCommand.class,
      PkiIssueCommand.class,
      PkiRenewCommand.class,
      PkiListCommand.class,
      CommandLine.HelpCommand.class,
    })
final class PkiCommand implements Runnable {
  @Spec private CommandSpec command = CommandSpec.create();

  @Override
  public void run() {
    throw new ParameterException(
        command.commandLine(), "say what to do: init, issue, renew or list");
  }
}
