package dev.lockstep.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code lockstep trace}: traces of recorded runs. */
@Command(
    name = "trace",
    description =
        "Collects instructions, memory accesses, system calls and more from a recorded run, by replaying it, and reads what was collected.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      TraceCollectCommand.class,
      TraceDumpCommand.class,
      TraceStatsCommand.class,
    })
final class TraceCommand implements Runnable {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(), "Missing command: trace collect, trace dump or trace stats");
  }
}
