package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.core.PrimaryPhase;
import dev.lockstep.vmm.disk.DiskRequest;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a request that a disk of the primary's host could not do: the guest waits for it, while the VM is moved to its backup, whose disk has done it. Where
 * there is no backup to move to, the guest sees the error, on both replicas alike.
 */
final class FailingDisk {
  /** How long a backup that is not ready to take the VM at present is waited for. */
  private static final long PATIENCE_NANOS = 10_000_000_000L;

  /** For so long after a move has failed, none is tried again. */
  private static final long RESIGNED_NANOS = 60_000_000_000L;

  /**
   * Told to the replica.
   *
   * @param what for its owner
   */
  record Failed(FailingDisk of, String what) {}

  private enum Stand {
    /** Nothing has failed, or long ago. */
    SOUND,
    /** The guest waits. */
    WAITING,
    /** The guest sees what fails. */
    RESIGNED
  }

  private final Host host;
  private Stand stand = Stand.SOUND;
  private String failure = "";
  private long sinceNanos;
  private boolean moving;

  FailingDisk(Host host) {
    this.host = host;
  }

  /** Whether the guest is to wait for the answer to that request. The vCPU's thread. */
  synchronized boolean keepsWaiting(String disk, DiskRequest failed) {
    long now = System.nanoTime();
    if (stand == Stand.RESIGNED && now - sinceNanos >= RESIGNED_NANOS) {
      stand = Stand.SOUND;
    }
    if (stand == Stand.SOUND) {
      stand = Stand.WAITING;
      sinceNanos = now;
      failure = "%s of disk '%s' failed: %s".formatted(failed, disk, reason(failed.failure()));
      host.inbox.put(new Failed(this, failure));
    }
    return stand == Stand.WAITING;
  }

  private static String reason(@Nullable Exception cause) {
    return cause == null || cause.getMessage() == null ? String.valueOf(cause) : cause.getMessage();
  }

  /** Whether the VM is to be moved now. In a turn. */
  synchronized boolean wantsMove(PrimaryPhase phase) {
    if (stand != Stand.WAITING || moving) {
      return false;
    }
    switch (phase) {
      case PROTECTED -> {
        return true;
      }
      case ARMING, RESYNCHRONISING, HANDING_OVER, ARBITRATING -> {
        if (System.nanoTime() - sinceNanos >= PATIENCE_NANOS) {
          resign("the backup is not ready to take the VM");
        }
      }
      case STARTING, NOT_PROTECTED, TRANSFERRING -> resign("the VM is not protected");
      case HANDED_OVER, FENCED, ENDED -> {}
    }
    return false;
  }

  /** The move begins; what is returned takes its end. */
  synchronized CompletableFuture<Void> move() {
    moving = true;
    CompletableFuture<Void> done = new CompletableFuture<>();
    done.whenComplete((moved, why) -> {
      if (why != null) {
        resign(String.valueOf(why.getMessage()));
      }
    });
    return done;
  }

  private synchronized void resign(String why) {
    moving = false;
    stand = Stand.RESIGNED;
    sinceNanos = System.nanoTime();
    host.note("the guest sees an I/O error, since %s (%s)".formatted(why, failure));
  }

  /** What has failed, if the VM is being moved for it; or null. */
  synchronized @Nullable String failure() {
    return moving ? failure : null;
  }

  /** How a replica ends that has moved its VM away. */
  static VmmException movedAway(String failure) {
    return new VmmException(
        "the VM has moved to the other replica, because of this host's disk: " + failure,
        "See to the disk, then start this replica again as a backup.");
  }
}
