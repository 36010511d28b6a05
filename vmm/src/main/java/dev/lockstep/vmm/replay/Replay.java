package dev.lockstep.vmm.replay;

import dev.lockstep.vmm.machine.DivergenceException;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineMode;
import dev.lockstep.vmm.machine.MachineStatus;
import dev.lockstep.vmm.machine.OutputGate;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** Replays a log on a machine, to the end. */
public final class Replay {
  private Replay() {}

  /**
   * Runs a machine by a log. Blocks until it has ended.
   *
   * @param machine new, or restored where the source begins; stays the caller's
   * @param gate takes the outputs that were the same as recorded
   * @throws dev.lockstep.engine.VmmException if the log does not fit the machine, or the host failed
   */
  public static ReplayReport run(Machine machine, FileLogSource source, OutputGate gate) {
    long started = System.nanoTime();
    MachineEnd end = null;
    DivergenceException divergence = null;
    machine.follow(source, gate, MachineMode.REPLAY);
    try {
      end = machine.ended().join();
    } catch (CompletionException e) {
      divergence = divergence(e);
    }
    MachineStatus status = machine.status();
    return new ReplayReport(
        end,
        divergence,
        source.ending(),
        status.entries(),
        status.branchCount(),
        status.instructions(),
        System.nanoTime() - started);
  }

  private static DivergenceException divergence(CompletionException e) {
    @Nullable Throwable cause = e.getCause();
    if (cause instanceof DivergenceException it) {
      return it;
    }
    if (cause instanceof RuntimeException it) {
      throw it;
    }
    throw e;
  }
}
