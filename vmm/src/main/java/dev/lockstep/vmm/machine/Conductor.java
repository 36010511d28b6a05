package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.MachineDigest;
import org.jspecify.annotations.Nullable;

/** Decides, from boundary to boundary, what happens to the guest next. The vCPU's thread. */
interface Conductor {
  /**
   * Does what is to be done at this boundary and runs to the next, or waits.
   *
   * @return how the run ended, or null if it goes on
   */
  @Nullable MachineEnd turn() throws InterruptedException;

  /** Ends the run in order, at this boundary. */
  MachineEnd stop();

  /**
   * The machine stood still for a while and goes on.
   *
   * @param pausedNanos how long, host time
   */
  default void resumed(long pausedNanos) {}

  /** The run is over: with an end, or by a failure or a kill. */
  void close();

  /** A checkpoint was taken at this boundary. */
  default void mark(MachineDigest digest) {}

  /** Whether the guest has to run on before it may be stopped, looked at or given anything: somebody else was promised that it does. */
  default boolean isBound() {
    return false;
  }

  /** Its present mode. */
  MachineMode mode();

  /** The epoch of the log it writes or follows. */
  long epoch();

  /** Whether it waits for more of the log. */
  default boolean waiting() {
    return false;
  }

  /** Whether the machine may go live from where it stands: nothing of what it follows is left. */
  default boolean readyForLife() {
    return false;
  }

  /** How far virtual time is behind the host's clock. */
  default long behindNanos() {
    return 0;
  }
}
