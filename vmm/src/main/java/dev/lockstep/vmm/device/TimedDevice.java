package dev.lockstep.vmm.device;

/**
 * A device that does something by itself when virtual time has come to a moment. The machine calls
 * {@link #advance} at, or as soon as it can after, {@link #nextDeadlineNanos}, and before each
 * interrupt decision; a deadline changes only by an access, an advance or a restore.
 *
 * <p>What the device's state is after {@code advance(t)} does not depend on how many calls led to
 * t.
 */
public interface TimedDevice extends Device {

  /** {@link #nextDeadlineNanos} of a device with nothing to wait for. */
  long NO_DEADLINE = Long.MAX_VALUE;

  /**
   * The virtual time at which this device's interrupt line next changes by itself.
   *
   * @return nanoseconds, or {@link #NO_DEADLINE}
   */
  long nextDeadlineNanos();

  /**
   * Lets everything happen that is due.
   *
   * @param nowNanos virtual time; never less than at the call before
   */
  void advance(long nowNanos);
}
