package dev.lockstep.engine.contract;

import dev.lockstep.engine.Vcpu;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Kicks a vCPU that does not come back from a guest of a few instructions, so that a wrong engine fails a test instead of hanging the suite. */
final class Watchdog {
  /** Far beyond what any guest here takes on a loaded host. */
  private static final long PATIENCE_SECONDS = 60;

  private static final ScheduledThreadPoolExecutor TIMER = timer();

  private Watchdog() {}

  private static ScheduledThreadPoolExecutor timer() {
    ScheduledThreadPoolExecutor timer =
        new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().daemon().name("contract-watchdog").factory());
    timer.setRemoveOnCancelPolicy(true);
    return timer;
  }

  /** Starts watching; cancel it when the vCPU is back. */
  static ScheduledFuture<?> watch(Vcpu vcpu) {
    return TIMER.schedule(vcpu::kick, PATIENCE_SECONDS, TimeUnit.SECONDS);
  }
}
