package dev.lockstep.cli.control;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** What callers wait for of a run, each within a bound. */
final class Steering {
  /** How long the end of a run may take that was told to end, and a boundary that was asked for. */
  private static final long END_MILLIS = 60_000;

  private Steering() {}

  /** Lets a VM's run come to stand. */
  static void pause(String vm, VmRun run) throws InterruptedException {
    try {
      run.pause().get(END_MILLIS, TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw Runs.failure(e.getCause());
    } catch (TimeoutException e) {
      throw Wrong.busy(vm, "and comes to no boundary");
    }
  }

  /**
   * Asks a VM's guest to shut down, and ends the run if it does not.
   *
   * @param over completes when the run is over
   * @param graceMillis how long the guest may take; 0: it is not asked
   */
  static void stop(String vm, VmRun run, CompletableFuture<?> over, long graceMillis)
      throws InterruptedException {
    if (graceMillis > 0 && run.askToShutDown() && isDone(over, graceMillis)) {
      return;
    }
    run.end();
    if (!isDone(over, END_MILLIS)) {
      throw Wrong.busy(vm, "and does not come to its end");
    }
  }

  private static boolean isDone(CompletableFuture<?> over, long withinMillis)
      throws InterruptedException {
    try {
      over.get(withinMillis, TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (ExecutionException e) {
      throw Runs.failure(e.getCause());
    }
  }
}
