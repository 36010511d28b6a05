package dev.lockstep.cli;

import dev.lockstep.cli.start.Ahead;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParseResult;

/** The command. */
@Command(
    name = "lockstep",
    addMethodSubcommands = false,
    description =
        "Runs fault-tolerant Linux virtual machines, and records and replays them bit for bit.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND")
public final class Lockstep {
  /** In the order of the help. */
  private static final List<Class<?>> COMMANDS =
      List.of(
          RunCommand.class,
          RecordCommand.class,
          ReplayCommand.class,
          DebugCommand.class,
          TraceCommand.class,
          VerifyCommand.class,
          LogCommand.class,
          PruneCommand.class,
          PrimaryCommand.class,
          BackupCommand.class,
          NetCommand.class,
          DaemonCommand.class,
          CtlCommand.class,
          PkiCommand.class,
          DemoCommand.class,
          DoctorCommand.class,
          CommandLine.HelpCommand.class);

  private Lockstep() {}

  /** Runs the command and ends the process with its status. */
  public static void main(String[] args) {
    if (Arrays.asList(args).contains("--from")) {
      Ahead.ofAMachine();
    }
    System.exit(execute(args, System.out, System.err));
  }

  /**
   * Runs the command.
   *
   * @param out for what was asked for: help, versions, results
   * @param err for errors, notes and progress
   * @return the exit status, see {@link ExitStatus}
   */
  static int execute(String[] args, PrintStream out, PrintStream err) {
    CommandLine line = new CommandLine(new Lockstep());
    wanted(args).forEach(line::addSubcommand);
    if (line.getSubcommands().containsKey("ctl") && Arrays.asList(args).contains("ctl")) {
      CtlCommands.addTo(line);
    }
    line.setOut(new PrintWriter(out, true));
    line.setErr(new PrintWriter(err, true));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setAbbreviatedOptionsAllowed(false);
    line.setUsageHelpAutoWidth(true);
    describe(line);
    line.setExecutionStrategy(Lockstep::run);
    Errors errors = new Errors(err);
    line.setParameterExceptionHandler(errors);
    line.setExecutionExceptionHandler(errors);
    line.setExitCodeExceptionMapper(errors);
    if (args.length == 0) {
      line.usage(line.getErr());
      return ExitStatus.USAGE;
    }
    return line.execute(args);
  }

  /** The commands that a command line is about: each costs as much as the JVM's own start. All of them for help, and for one that is not known. */
  private static List<Class<?>> wanted(String[] args) {
    String first = args.length == 0 ? "" : args[0];
    if (args.length == 1 && (first.equals("--version") || first.equals("-V"))) {
      return List.of();
    }
    return COMMANDS.stream()
        .filter(type -> type != CommandLine.HelpCommand.class)
        .filter(type -> type.getAnnotation(Command.class).name().equals(first))
        .findFirst()
        .<List<Class<?>>>map(List::of)
        .orElse(COMMANDS);
  }

  /** Runs the command that was named last, told before how much to tell. */
  private static int run(ParseResult parsed) {
    ParseResult last = parsed;
    while (last.hasSubcommand()) {
      last = last.subcommand();
    }
    DebugOption.of(last.commandSpec()).ifPresent(DebugOption::apply);
    return new CommandLine.RunLast().execute(parsed);
  }

  /** Gives what all share, {@link DebugOption}, help and the list of exit statuses, to every command that does something. */
  private static void describe(CommandLine line) {
    for (CommandLine sub : line.getSubcommands().values()) {
      if (sub.getCommand() instanceof Callable) {
        DebugOption.addTo(sub.getCommandSpec());
        sub.getCommandSpec().usageMessage().exitCodeListHeading("%nExit status:%n");
        sub.getCommandSpec().usageMessage().exitCodeList(ExitStatus.help());
        sub.getCommandSpec().mixinStandardHelpOptions(true);
      }
      describe(sub);
    }
  }
}
