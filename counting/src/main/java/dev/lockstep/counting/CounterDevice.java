package dev.lockstep.counting;

/**
 * What lies below a {@link HardwareCounter}: a PMU by way of the kernel, or a model of one. It has two halves, so that arming never touches the count: a measuring half that counts from its opening on and is only ever read,
 * and an overflow half that is armed and does nothing but interrupt. Owned by the vCPU's thread; called with the guest stopped.
 */
public interface CounterDevice extends AutoCloseable {
  /**
   * Events of the guest since the device was opened, its excess included.
   *
   * @throws dev.lockstep.engine.VmmException if the counter no longer counts, and says so
   */
  long read();

  /**
   * Asks for one overflow after that many more events: reset, period, enable, in this order. Replaces what was armed before. Where the kernel or the PMU is known to begin a new period late, use {@link #reopen}.
   *
   * @param events 1 or more
   */
  void arm(long events);

  /** The same by a newly opened overflow half, which has no period to finish first. Slower. */
  void reopen(long events);

  /** No overflow is wanted. One that is under way may still come. */
  void disarm();

  @Override
  void close();
}
