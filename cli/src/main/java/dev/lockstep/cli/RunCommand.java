package dev.lockstep.cli;

import dev.lockstep.cli.control.ControlPort;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.engine.Purpose;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineMode;
import dev.lockstep.vmm.profile.Profiling;
import dev.lockstep.vmm.replay.DiskFailureNotes;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code lockstep run}: a machine on this terminal, without a log and without a backup. */
@Command(
    name = "run",
    addMethodSubcommands = false,
    description = {
      "Runs a machine on this terminal.",
      "Without options it boots the guest of scripts/guest-image, with a disk whose changes are lost. Ctrl-] is the way out.",
    },
    sortOptions = false)
final class RunCommand implements Callable<Integer> {
  @Mixin private final MachineOptions machineOptions = new MachineOptions();
  @Mixin private final SnapshotOptions snapshotOptions = new SnapshotOptions();
  @Mixin private final ControlOptions controlOptions = new ControlOptions();
  @Mixin private final ReportOptions report = new ReportOptions();
  @Mixin private final ProfileOption profile = new ProfileOption();

  @Override
  public Integer call() {
    snapshotOptions.prepare();
    @Nullable MachineFolder from = snapshotOptions.from();
    try (GuestFiles files = new GuestFiles()) {
      MachineConfig config = files.complete(machineOptions, from, Purpose.FREE_RUNNING);
      @Nullable Profiling profiling = profile.begin(config);
      try (profiling;
          Machine machine =
              GuestFiles.open(
                  ProfileOption.engine(profiling, config), config, machineOptions, from);
          ControlPort.@Nullable OfOne control = controlOptions.ofOne(config)) {
        MachineSession.Outcome outcome =
            new MachineSession(machine, System.err)
                .withNetwork(config)
                .withSnapshots(snapshotOptions.of(machine, config, System.err))
                .run(
                    console ->
                        machine.start(
                            new DiskFailureNotes(note -> System.err.println("lockstep: " + note)),
                            new DirectGate(
                                control == null ? console : control.machine(machine, console)),
                            1),
                    MachineMode.LIVE);
        if (profiling == null) {
          report.print(config, outcome, System.err);
        } else {
          report.print(config, outcome, profiling.end(outcome.status().exits()), System.err);
        }
        return outcome.exitStatus();
      }
    }
  }
}
