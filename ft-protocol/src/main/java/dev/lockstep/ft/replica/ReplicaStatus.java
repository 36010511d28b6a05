package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.PrimaryPhase;
import org.jspecify.annotations.Nullable;

/**
 * A replica at a glance.
 *
 * @param role primary or backup
 * @param phase the role's phase, by the name of its constant
 * @param epoch the term
 * @param reason why there is no protection, or why a backup is lost; null otherwise
 * @param lagMillis how far the backup's replay is behind; 0 on a backup
 * @param lagRecords the same in log records
 * @param heldOutputs outputs that have not left
 * @param logRecords records streamed (primary) or received (backup) so far by this process in its role
 * @param logBytes the same in payload bytes
 * @param throttlePercent how much of its time the guest is made to sleep for the backup's sake
 */
public record ReplicaStatus(
    Role role,
    String phase,
    long epoch,
    @Nullable String reason,
    long lagMillis,
    long lagRecords,
    long heldOutputs,
    long logRecords,
    long logBytes,
    int throttlePercent) {

  /** Whether this replica is the one whose guest the outside sees. */
  public boolean guestRunsHere() {
    return role == Role.PRIMARY
        && switch (PrimaryPhase.valueOf(phase)) {
          case NOT_PROTECTED, TRANSFERRING, ARMING, PROTECTED, ARBITRATING -> true;
          case STARTING, FENCED, ENDED -> false;
        };
  }

  /** A replica's role at present. */
  public enum Role {
    PRIMARY,
    BACKUP
  }
}
