package dev.lockstep.cli;

import java.util.List;
import picocli.CommandLine;

/** The commands of {@code lockstep ctl}, apart from it, so that they are loaded only when it is called. */
final class CtlCommands {
  private static final List<Class<?>> COMMANDS =
      List.of(
          CtlLook.ListAll.class,
          CtlLook.Status.class,
          CtlLifecycle.Create.class,
          CtlLifecycle.Start.class,
          CtlLifecycle.Pause.class,
          CtlLifecycle.Resume.class,
          CtlLifecycle.Stop.class,
          CtlLifecycle.Kill.class,
          CtlLifecycle.Delete.class,
          CtlState.Snapshot.class,
          CtlState.Restore.class,
          CtlConsole.class,
          CtlPair.Protect.class,
          CtlPair.Unprotect.class,
          CtlPair.Failover.class,
          CtlRecover.class,
          CtlLook.Events.class,
          CtlLook.Metrics.class);

  private CtlCommands() {}

  /** Adds them to {@code ctl} of the whole command. */
  static void addTo(CommandLine lockstep) {
    CommandLine ctl = lockstep.getSubcommands().get("ctl");
    if (ctl == null) {
      throw new IllegalStateException("there is no ctl");
    }
    COMMANDS.forEach(ctl::addSubcommand);
  }
}
