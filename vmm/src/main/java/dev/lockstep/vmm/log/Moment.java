package dev.lockstep.vmm.log;

import dev.lockstep.engine.ExecutionPoint;

/**
 * When something took effect: an execution point and, while the guest was halted there, the virtual time as well, since
 * then the point alone stands still. Timers due at or before a moment have fired before it; entries with the same moment
 * take effect in the order of the log.
 *
 * @param point where the vCPU stood
 * @param haltedNanos the virtual time in nanoseconds if the vCPU was halted there, else {@link #RUNNING}
 */
public record Moment(ExecutionPoint point, long haltedNanos) {
  /** {@link #haltedNanos} of a moment at which the vCPU was not halted: its virtual time follows from the count. */
  public static final long RUNNING = -1;

  public Moment {
    if (haltedNanos < RUNNING) {
      throw new IllegalArgumentException("virtual time " + haltedNanos + " is negative");
    }
  }

  /** A moment of a running vCPU. */
  public static Moment running(ExecutionPoint point) {
    return new Moment(point, RUNNING);
  }

  /** Whether the vCPU was halted. */
  public boolean halted() {
    return haltedNanos != RUNNING;
  }

  /** The branch count. */
  public long count() {
    return point.branchCount();
  }

  @Override
  public String toString() {
    return halted() ? point + " halted until " + haltedNanos + " ns" : point.toString();
  }
}
