package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.machine.Machine;
import java.util.EnumSet;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Who wants a replica's machine to stand still. It runs on when nobody does any more: an operator who resumes it must not set a guest free that is being handed over, nor the end of a snapshot one that an
 * operator paused. Safe for use by several threads.
 */
final class Holds {
  /** Who may hold a machine. */
  enum Holder {
    /** A call. */
    OPERATOR,
    /** A snapshot that is being taken. */
    SNAPSHOT,
    /** The protocol, before the guest moves to the other replica. */
    HAND_OVER
  }

  private final EnumSet<Holder> holders = EnumSet.noneOf(Holder.class);
  private @Nullable Machine machine;

  /**
   * Lets a machine stand still. What was held of one before it is forgotten.
   *
   * @return completes when it stands; exceptionally with {@link VmmException} if there is none, or it does not run
   */
  synchronized CompletableFuture<Void> pause(@Nullable Machine now, Holder holder) {
    if (now == null) {
      return CompletableFuture.failedFuture(
          new VmmException(
              "the replica has no machine yet", "Wait until it has joined its primary."));
    }
    if (machine != now) {
      machine = now;
      holders.clear();
    }
    CompletableFuture<Void> stands = now.pause();
    holders.add(holder);
    return stands;
  }

  /** Lets it run on, unless another one holds it. */
  synchronized void resume(@Nullable Machine now, Holder holder) {
    if (now != null && machine == now && holders.remove(holder) && holders.isEmpty()) {
      now.resume();
    }
  }

  /** Whether somebody has held a machine since {@link #pause}, without a break. */
  synchronized boolean isHeld(Machine now, Holder holder) {
    return machine == now && holders.contains(holder);
  }
}
