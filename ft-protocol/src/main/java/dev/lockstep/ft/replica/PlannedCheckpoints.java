package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.BackupInput;
import dev.lockstep.ft.core.Divergence;
import dev.lockstep.vmm.machine.Machine;
import org.jspecify.annotations.Nullable;

/** When a backup that follows freely is to be made equal whether or not anything has differed. One that follows exactly never is. */
final class PlannedCheckpoints {
  private final long intervalNanos;
  private long sinceNanos = -1;

  private PlannedCheckpoints(long intervalNanos) {
    this.intervalNanos = intervalNanos;
  }

  static PlannedCheckpoints of(@Nullable FreeRunning freeRunning) {
    return new PlannedCheckpoints(
        freeRunning == null ? Long.MAX_VALUE : freeRunning.checkpointNanos());
  }

  /**
   * Lets the machine stand if it is time.
   *
   * @param follows whether it follows, and has not diverged
   * @param stands told on the machine's thread, if it stands by this
   */
  void standIfDue(long now, boolean follows, @Nullable Machine machine, Runnable stands) {
    if (!follows || machine == null) {
      return;
    }
    if (sinceNanos < 0) {
      sinceNanos = now;
    }
    if (now - sinceNanos >= intervalNanos) {
      sinceNanos = now;
      machine
          .stand()
          .thenAccept(does -> {
            if (does) {
              stands.run();
            }
          });
    }
  }

  /** The two are equal: the time begins anew. */
  void equal() {
    sinceNanos = -1;
  }

  /** What is told of a machine that stands so. */
  static Divergence standing(BackupInput.Replayed before) {
    return Divergence.planned(before.throughSequence(), before.position().toString());
  }
}
