package dev.lockstep.cli;

import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.core.StartPolicy;
import dev.lockstep.ft.replica.ConfiguredSource;
import dev.lockstep.ft.replica.OutputSink;
import dev.lockstep.ft.replica.Replica;
import dev.lockstep.ft.replica.ReplicaListener;
import dev.lockstep.ft.replica.ReplicaSettings;
import picocli.CommandLine.Command;

/** {@code lockstep backup}: follows a primary and goes live when it dies. */
@Command(
    name = "backup",
    description = {
      "Joins a primary as its backup, follows it, and goes live when it dies; from then on it is the primary, and a new backup may join it.",
      "The machine's options must be the primary's; disks are images of its own, of the same sizes, and are overwritten by the primary's.",
      "SIGTERM makes a backup leave; one that has gone live asks its guest to shut down, as a primary does.",
    },
    sortOptions = false)
final class BackupCommand extends ReplicaCommand {
  @Override
  String role() {
    return "backup";
  }

  @Override
  StartPolicy policy() {
    return StartPolicy.START_ALONE;
  }

  @Override
  Replica begin(
      ConfiguredSource source,
      ReplicaSettings settings,
      Arbiter arbiter,
      OutputSink outside,
      ReplicaListener listener) {
    return Replica.backup(source, settings, arbiter, outside, listener);
  }
}
