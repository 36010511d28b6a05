package dev.lockstep.vmm.replay;

import dev.lockstep.vmm.log.LogEnding;
import dev.lockstep.vmm.machine.DivergenceException;
import dev.lockstep.vmm.machine.MachineEnd;
import org.jspecify.annotations.Nullable;

/**
 * What a replay came to.
 *
 * @param end how it ended; null if it diverged
 * @param divergence the first difference; null if there was none
 * @param ending how the log's file ends; null if the replay did not come there
 * @param entries that took effect or were compared
 * @param branches executed
 * @param instructions executed
 * @param hostNanos it took
 */
public record ReplayReport(
    @Nullable MachineEnd end,
    @Nullable DivergenceException divergence,
    @Nullable LogEnding ending,
    long entries,
    long branches,
    long instructions,
    long hostNanos) {

  /** Whether the whole of a complete log was repeated without a difference. */
  public boolean identical() {
    return divergence == null
        && end != null
        && ending != null
        && ending.kind() == LogEnding.Kind.COMPLETE;
  }
}
