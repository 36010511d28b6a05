package dev.lockstep.vmm.profile;

import dev.lockstep.engine.VmmException;
import dev.lockstep.softcpu.ExecutionTally;
import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.engine.EngineChoice;
import dev.lockstep.vmm.machine.ExitCounts;
import dev.lockstep.vmm.machine.MachineFactory;
import java.io.IOException;

/** A profile being taken: of one machine, from before it is made to after its end. */
public final class Profiling implements AutoCloseable {
  private final ExecutionTally tally = new ExecutionTally();
  private final MachineFactory engine;
  private final CpuTimes times;
  private final StackSamples samples;

  /**
   * Begins.
   *
   * @throws VmmException if the machine is not executed by {@code soft}, which alone can be looked into
   */
  public Profiling(MachineConfig config) {
    if (!config.engine().equals(EngineChoice.SOFT)) {
      throw new VmmException(
          "a profile is of the software CPU, and this machine's engine is " + config.engine(),
          "Give --engine soft.");
    }
    engine = ConfiguredMachine.profiledFactory(config, tally);
    times = new CpuTimes();
    samples = new StackSamples();
  }

  /** Makes the machine that is profiled. */
  public MachineFactory engine() {
    return engine;
  }

  /**
   * Ends it.
   *
   * @param exits of the machine, which has ended and is not closed yet
   * @throws VmmException if what was sampled cannot be read
   */
  public RunProfile end(ExitCounts exits) {
    try {
      // First: reading the samples takes CPU time of its own.
      var groups = times.byGroup();
      return new RunProfile(tally.profile(), exits, groups, samples.end());
    } catch (IOException e) {
      throw new VmmException(
          "the profile cannot be read: " + e.getMessage(),
          "See to room and rights in the folder for temporary files.",
          e);
    }
  }

  @Override
  public void close() {
    samples.close();
    times.close();
  }
}
