package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.Gathering;
import dev.lockstep.ft.core.Timing;
import java.util.function.LongSupplier;

/** Tells the driver how far the replay has come: at once, and by and by while the replay has much before it. Not thread-safe: the vCPU's thread. */
final class ReplayNews {
  private final Timing timing;
  private final LongSupplier clock;
  private final Runnable driver;
  private long toldNanos;
  private boolean untold;

  /**
   * @param clock nanoseconds
   * @param driver must not block
   */
  ReplayNews(Timing timing, LongSupplier clock, Runnable driver) {
    this.timing = timing;
    this.clock = clock;
    this.driver = driver;
    toldNanos = clock.getAsLong();
  }

  /**
   * The replay has advanced. What is not told now is with one of the records that wait.
   *
   * @param matters whether somebody waits to hear of it
   * @param waiting records that it has before it
   */
  void advanced(boolean matters, int waiting) {
    untold |= matters;
    if (untold) {
      long now = clock.getAsLong();
      if (!Gathering.mayWait(waiting, now - toldNanos, timing)) {
        untold = false;
        toldNanos = now;
        driver.run();
      }
    }
  }

  /** The driver is to look, however much waits. Any thread. */
  void tell() {
    driver.run();
  }
}
