package dev.lockstep.vmm.replay;

import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.SnapshotInfo;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Puts checkpoints into a log's folder while a machine records or replays that log from its start, spaced by virtual time. A
 * guest that computes is spaced as asked; one that idles jumps over the time between.
 *
 * <p>A checkpoint that cannot be written ends the schedule, not the machine: a log is whole without them.
 */
public final class CheckpointSchedule implements AutoCloseable {
  private static final long LOOK_MILLIS = 5;

  private final Machine machine;
  private final Path log;
  private final long everyNanos;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread;
  private volatile int taken;
  private volatile long stoppedNanos;
  private volatile @Nullable Throwable failure;

  /**
   * Begins to look at the machine's virtual time; nothing is taken before it has run so long.
   *
   * @param machine about to be started
   * @param log its log's folder
   * @param everyNanos of virtual time, at least 1
   */
  public CheckpointSchedule(Machine machine, Path log, long everyNanos) {
    this.machine = machine;
    this.log = log;
    this.everyNanos = everyNanos;
    this.thread = Thread.ofVirtual().name("checkpoints").start(this::work);
  }

  /** How many were taken. */
  public int taken() {
    return taken;
  }

  /** How long the guest stood still for them, host time. */
  public long stoppedNanos() {
    return stoppedNanos;
  }

  /** Why there are no more; null if nothing went wrong. */
  public @Nullable Throwable failure() {
    return failure;
  }

  private void work() {
    long next = machine.status().virtualNanos() + everyNanos;
    try {
      while (!closed.await(LOOK_MILLIS, TimeUnit.MILLISECONDS) && !machine.ended().isDone()) {
        if (machine.status().virtualNanos() >= next) {
          Optional<SnapshotInfo> info =
              machine.checkpoint(sequence -> Checkpoints.file(log, sequence)).get();
          if (info.isPresent()) {
            taken++;
            stoppedNanos += info.get().stoppedNanos();
            next = info.get().virtualNanos() + everyNanos;
          }
        }
      }
    } catch (ExecutionException e) {
      if (!machine.ended().isDone()) {
        failure = e.getCause();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Waits for one that is being taken. */
  @Override
  public void close() {
    closed.countDown();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
