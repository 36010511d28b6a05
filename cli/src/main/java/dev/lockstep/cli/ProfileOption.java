package dev.lockstep.cli;

import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.MachineFactory;
import dev.lockstep.vmm.profile.Profiling;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Whether a run is profiled. */
final class ProfileOption {
  @Option(
      names = "--profile",
      description =
          "As --stats, with tables of where the vCPU's time went: by kind of work, sampled; blocks and how hot they are, page walks, exits, counted; CPU time of the process's threads. For soft; with --json under the key 'profile'.")
  private boolean wanted;

  /**
   * Begins; null if no profile is wanted.
   *
   * @throws dev.lockstep.engine.VmmException if this machine cannot be profiled
   */
  @Nullable Profiling begin(MachineConfig config) {
    return wanted ? new Profiling(config) : null;
  }

  /** What makes the machine. */
  static MachineFactory engine(@Nullable Profiling profiling, MachineConfig config) {
    return profiling == null ? ConfiguredMachine.factory(config) : profiling.engine();
  }
}
