package dev.lockstep.cli;

import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.core.StartPolicy;
import dev.lockstep.ft.replica.ConfiguredSource;
import dev.lockstep.ft.replica.OutputSink;
import dev.lockstep.ft.replica.Replica;
import dev.lockstep.ft.replica.ReplicaListener;
import dev.lockstep.ft.replica.ReplicaSettings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code lockstep primary}: powers a VM on, protected by a backup. */
@Command(
    name = "primary",
    description = {
      "Powers a VM on as the primary of a pair. Nothing the guest puts out leaves before the backup could repeat it.",
      "The guest starts when a backup is in sync: give --peer to bring one in that listens, or let it come to --listen.",
      "SIGTERM asks the guest to shut down (Ctrl-Alt-Del); SIGKILL is what the backup is for.",
    },
    sortOptions = false)
final class PrimaryCommand extends ReplicaCommand {
  @Option(
      names = "--alone",
      order = -2,
      description =
          "Starts the guest at once, not protected; a backup may join the running guest later.")
  private boolean alone;

  @Override
  String role() {
    return "primary";
  }

  @Override
  StartPolicy policy() {
    return alone ? StartPolicy.START_ALONE : StartPolicy.WAIT_FOR_BACKUP;
  }

  @Override
  Replica begin(
      ConfiguredSource source,
      ReplicaSettings settings,
      Arbiter arbiter,
      OutputSink outside,
      ReplicaListener listener) {
    return Replica.primary(source, settings, arbiter, outside, listener);
  }
}
