package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.machine.Machine;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A replica whose machine stands still for a snapshot, as it is at one record of the log: a primary's guest, or a backup's replay. {@link #close} lets it run on.
 *
 * <p>A backup that is to go live does not wait: it runs on, and what was read of it since is of no use; {@link #hasStood} tells.
 */
public final class StandingReplica implements AutoCloseable {
  private final Machine machine;
  private final Holds holds;
  private final Supplier<ReplicaStatus> status;
  private final ReplicaStatus at;

  private StandingReplica(
      Machine machine, Holds holds, Supplier<ReplicaStatus> status, ReplicaStatus at) {
    this.machine = machine;
    this.holds = holds;
    this.status = status;
    this.at = at;
  }

  /** Lets it come to stand; see {@link Replica#stand}. */
  static StandingReplica of(@Nullable Machine machine, Holds holds, Supplier<ReplicaStatus> status)
      throws InterruptedException {
    boolean stands = false;
    try {
      holds.pause(machine, Holds.Holder.SNAPSHOT).get();
      Objects.requireNonNull(machine);
      ReplicaStatus at = status.get();
      if (!isWhole(at)) {
        throw new VmmException(
            "the replica is %s, and its machine is not the guest as it is"
                .formatted(at.role() == ReplicaStatus.Role.PRIMARY ? at.phase() : "not in sync"),
            "Wait until it runs the guest, or follows it in sync; see its status.");
      }
      stands = true;
      return new StandingReplica(machine, holds, status, at);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof VmmException it ? it : new IllegalStateException(e);
    } finally {
      if (!stands) {
        holds.resume(machine, Holds.Holder.SNAPSHOT);
      }
    }
  }

  private static boolean isWhole(ReplicaStatus status) {
    return switch (status.role()) {
      case PRIMARY -> status.guestRunsHere();
      case BACKUP -> status.protection() == ReplicaStatus.Protection.PROTECTED;
    };
  }

  /** Its machine. It must not be resumed. */
  public Machine machine() {
    return machine;
  }

  /** What the replica was when it came to stand. */
  public ReplicaStatus at() {
    return at;
  }

  /** Whether it has stood still, and was the guest as it is, until now. */
  public boolean hasStood() {
    ReplicaStatus now = status.get();
    return holds.isHeld(machine, Holds.Holder.SNAPSHOT)
        && isWhole(now)
        && now.role() == at.role()
        && now.divergences() == at.divergences();
  }

  @Override
  public void close() {
    holds.resume(machine, Holds.Holder.SNAPSHOT);
  }
}
