package dev.lockstep.cli;

import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.core.StartPolicy;
import dev.lockstep.ft.replica.ConfiguredSource;
import dev.lockstep.ft.replica.OutputSink;
import dev.lockstep.ft.replica.Replica;
import dev.lockstep.ft.replica.ReplicaListener;
import dev.lockstep.ft.replica.ReplicaSettings;
import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.engine.Purpose;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** A command that is one replica of a pair, from its start to its end. */
@Command(sortOptions = false)
abstract class ReplicaCommand implements Callable<Integer> {
  @Mixin private final ReplicaOptions replicaOptions = new ReplicaOptions();
  @Mixin private final ControlOptions controlOptions = new ControlOptions();
  @Mixin private final MachineOptions machineOptions = new MachineOptions();

  /** The role that it begins in, which is its name if none is given. */
  abstract String role();

  /** What it does at power-on. */
  abstract StartPolicy policy();

  /** Begins. */
  abstract Replica begin(
      ConfiguredSource source,
      ReplicaSettings settings,
      Arbiter arbiter,
      OutputSink outside,
      ReplicaListener listener);

  @Override
  public final Integer call() {
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
              begin(
                  source,
                  replicaOptions.settings(role(), config, policy(), files.workFolder(), tls),
                  arbiter,
                  outside,
                  listener));
    }
  }
}
