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
final class PrimaryCommand implements Callable<Integer>, DebugOption.Carrier {
  @Option(
      names = "--alone",
      description =
          "Starts the guest at once, not protected; a backup may join the running guest later.")
  private boolean alone;

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
      StartPolicy policy = alone ? StartPolicy.START_ALONE : StartPolicy.WAIT_FOR_BACKUP;
      TlsIdentity tls = controlOptions.tls();
      Arbiter arbiter = replicaOptions.arbiter(config);
      return new ReplicaSession(replicaOptions, controlOptions, config, arbiter, tls)
          .run((outside, listener) ->
              Replica.primary(
                  source,
                  replicaOptions.settings("primary", config, policy, files.workFolder(), tls),
                  arbiter,
                  outside,
                  listener));
    }
  }
}
