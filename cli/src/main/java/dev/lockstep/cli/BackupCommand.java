package dev.lockstep.cli;

import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.core.StartPolicy;
import dev.lockstep.ft.replica.ConfiguredSource;
import dev.lockstep.ft.replica.Replica;
import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.engine.Purpose;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code lockstep backup}: follows a primary and goes live when it dies. */
@Command(
    name = "backup",
    description = {
      "Joins a primary as its backup, follows it, and goes live when it dies; from then on it is the primary, and a new backup may join it.",
      "The machine's options must be the primary's; disks are images of its own, of the same sizes, and are overwritten by the primary's.",
      "SIGTERM makes a backup leave; one that has gone live asks its guest to shut down, as a primary does.",
    },
    sortOptions = false)
final class BackupCommand implements Callable<Integer>, DebugOption.Carrier {
  @Mixin private final ReplicaOptions replicaOptions = new ReplicaOptions();
  @Mixin private final ControlOptions controlOptions = new ControlOptions();
  @Mixin private final MachineOptions machineOptions = new MachineOptions();
  @Mixin private final DebugOption debug = new DebugOption();

  @Override
  public boolean debug() {
    return debug.debug();
  }

  @Override
  public Integer call() {
    debug.apply();
    try (GuestFiles files = new GuestFiles()) {
      MachineConfig config =
          files.complete(machineOptions, replicaOptions::apply, Purpose.REPLICATED);
      ConfiguredSource source =
          new ConfiguredSource(
              config,
              WallClock.nanosSince1970(),
              machineOptions.unfitDisks() == DiskMarker.Unfit.USE);
      TlsIdentity tls = controlOptions.tls();
      Arbiter arbiter = replicaOptions.arbiter(config);
      return new ReplicaSession(replicaOptions, controlOptions, config, arbiter, tls)
          .run((outside, listener) ->
              Replica.backup(
                  source,
                  replicaOptions.settings(
                      "backup", config, StartPolicy.START_ALONE, files.workFolder(), tls),
                  arbiter,
                  outside,
                  listener));
    }
  }
}
