package dev.lockstep.ft.replica;

import dev.lockstep.vmm.machine.MachineEnd;
import org.jspecify.annotations.Nullable;

/**
 * How a replica came to its end.
 *
 * @param outcome what happened
 * @param machineEnd how its machine ended; null if it was dropped
 */
public record ReplicaEnd(Outcome outcome, @Nullable MachineEnd machineEnd) {

  /** What can happen to a replica. */
  public enum Outcome {
    /** The guest ended and everything it put out has left. */
    GUEST_ENDED,
    /** The other replica goes on; what this one held is worth nothing any more. */
    FENCED,
    /** It was told to leave. */
    LEFT
  }
}
