package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.BackupPhase;
import dev.lockstep.ft.core.NotProtectedReason;
import dev.lockstep.ft.core.PrimaryPhase;
import dev.lockstep.ft.core.PrimaryStatus;
import org.jspecify.annotations.Nullable;

/**
 * A replica at a glance.
 *
 * @param role primary or backup
 * @param phase the role's phase, by the name of its constant
 * @param epoch the term
 * @param protection how well the VM is protected, as far as this replica knows
 * @param reason why there is no protection, or why a backup is lost; null otherwise
 * @param lagMillis how far the backup's replay is behind; 0 on a backup
 * @param lagRecords the same in log records
 * @param heldOutputs outputs that have not left
 * @param logRecords records streamed (primary) or received (backup) so far by this process in its role
 * @param logBytes the same in payload bytes
 * @param throttlePercent how much of its time the guest was made to sleep for the backup's sake lately
 * @param divergences how often the backup's replay has differed: since this replica is the primary, or in a backup's epoch
 * @param resynchronisations how often the two were made equal again, because they differed or as planned; 0 on a backup
 * @param lastPauseMicros how long the guest stood still for the last checkpoint; 0 before the first
 * @param protocolVersion the version of the protocol that the pair speaks, or spoke last; 0 before the first link
 */
public record ReplicaStatus(
    Role role,
    String phase,
    long epoch,
    Protection protection,
    @Nullable String reason,
    long lagMillis,
    long lagRecords,
    long heldOutputs,
    long logRecords,
    long logBytes,
    int throttlePercent,
    int divergences,
    int resynchronisations,
    long lastPauseMicros,
    int protocolVersion) {

  /** From here on a guest is slow because of its backup, and its operator wants to know. */
  private static final int SLOWED_PERCENT = 25;

  /** Whether the guest is slowed much for a backup that lags. */
  public boolean isSlowed() {
    return throttlePercent >= SLOWED_PERCENT;
  }

  /** Whether this replica is the one whose guest the outside sees. */
  public boolean guestRunsHere() {
    return role == Role.PRIMARY
        && switch (PrimaryPhase.valueOf(phase)) {
          case NOT_PROTECTED,
              TRANSFERRING,
              ARMING,
              PROTECTED,
              RESYNCHRONISING,
              HANDING_OVER,
              ARBITRATING ->
              true;
          case STARTING, HANDED_OVER, FENCED, ENDED -> false;
        };
  }

  /** A replica's role at present. */
  public enum Role {
    PRIMARY,
    BACKUP
  }

  /** How well the VM is protected. */
  public enum Protection {
    /** Power-on, or a join: not protected yet, but on the way. */
    STARTING,
    /** One failure ends the VM, and no backup is wanted: an operator has said so, or this replica does not run the VM. */
    NOT_PROTECTED,
    /** One failure ends the VM; a backup is welcome. */
    NEED_BACKUP,
    /** Either replica may die. */
    PROTECTED,
    /**
     * Something is amiss: the backup's replay differs at present, or has differed too often lately; the guest is slowed much for it; or the two are about to
     * part, as an operator wants or as the arbiter will say.
     */
    DEGRADED;

    /**
     * A primary's.
     *
     * @param throttlePercent how much of its time the guest was made to sleep lately
     */
    public static Protection of(PrimaryStatus status, int throttlePercent) {
      boolean slowed = throttlePercent >= SLOWED_PERCENT;
      return switch (status.phase()) {
        case STARTING, TRANSFERRING, ARMING -> STARTING;
        case NOT_PROTECTED ->
            status.reason() == NotProtectedReason.USER_ACTION ? NOT_PROTECTED : NEED_BACKUP;
        case PROTECTED -> slowed || status.degraded() ? DEGRADED : PROTECTED;
        // Without a reason it is a checkpoint that was planned, which degrades nothing.
        case RESYNCHRONISING -> slowed || status.reason() != null ? DEGRADED : PROTECTED;
        case HANDING_OVER, HANDED_OVER, ARBITRATING -> DEGRADED;
        case FENCED, ENDED -> NOT_PROTECTED;
      };
    }

    /**
     * A backup's.
     *
     * @param differs whether its replay is known to differ
     */
    public static Protection of(BackupPhase phase, boolean differs) {
      return switch (phase) {
        case CONNECTING, JOINING -> STARTING;
        case FOLLOWING -> differs ? DEGRADED : PROTECTED;
        case ARBITRATING -> DEGRADED;
        case GOING_LIVE, LIVE -> NEED_BACKUP;
        case LOST, ENDED -> NOT_PROTECTED;
      };
    }

    /** Its name as operators know it: {@code notProtected}. */
    public String word() {
      return Words.camelCase(this);
    }
  }

  /**
   * The reason as operators know it: {@code divergence}, {@code lostConnection}, {@code userAction}, {@code backupLags}; null if there is none.
   */
  public @Nullable String reasonWord() {
    if (reason == null) {
      return protection == Protection.DEGRADED && isSlowed() ? "backupLags" : null;
    }
    return Words.reason(reason);
  }
}
