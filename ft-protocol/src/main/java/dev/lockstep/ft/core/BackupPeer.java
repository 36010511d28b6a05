package dev.lockstep.ft.core;

import org.jspecify.annotations.Nullable;

/** What a primary knows of the one backup it is dealing with, in one epoch. */
final class BackupPeer {
  /** Over about so many heartbeats the shortest way to and fro is remembered. */
  private static final int ROUND_TRIPS_KEPT = 64;

  final ReplicaInstance instance;
  final long epoch;
  BackupStage stage = BackupStage.RECEIVING;

  /** The join's answer, sent again until the backup makes its machine; null until the checkpoint is taken. */
  Message.@Nullable JoinAccepted accepted;

  /** Of the join's checkpoint. */
  final ChunkFlow chunks;

  @Nullable SendWindow window;

  /** After {@link Message.Protect}: the record after which outputs are gated. */
  long protectAfter;

  boolean reported;
  boolean linkLost;
  long linkLostNanos;
  long lastHeardNanos;
  long lastProgressNanos;
  long lastAckNanos;
  long lastResendNanos;
  long lastChunkNanos;
  long echoedNanos;

  /** The least that a heartbeat and its echo took together lately: what no backup can be faster. 0 before the first. */
  private long roundTripNanos;

  long leaseEndNanos;
  long replayedThrough;
  long lastReplayNanos;
  int divergences;
  int healed;
  Position replayedPosition = Position.START;

  BackupPeer(ReplicaInstance instance, long epoch, long now, Limits limits) {
    this.instance = instance;
    chunks = new ChunkFlow(limits.chunkWindow());
    this.epoch = epoch;
    lastHeardNanos = now;
    lastProgressNanos = now;
    lastAckNanos = now;
    lastReplayNanos = now;
    lastResendNanos = now;
    lastChunkNanos = now;
    leaseEndNanos = now;
  }

  /** Anything was heard from it. */
  void heard(long now) {
    lastHeardNanos = now;
    linkLost = false;
  }

  /** A heartbeat that it has echoed gives outputs leave from the heartbeat's sending; true if it is a newer one. */
  boolean renewLease(long now, long echoed, Timing timing) {
    if (echoed <= echoedNanos) {
      return false;
    }
    echoedNanos = echoed;
    long roundTrip = now - echoed;
    roundTripNanos =
        roundTripNanos == 0
            ? roundTrip
            : Math.min(roundTrip, roundTripNanos + Math.max(1, roundTripNanos / ROUND_TRIPS_KEPT));
    leaseEndNanos = echoed + timing.leaseNanos();
    return true;
  }

  /** What of its lag is its own: a record has to reach it, and the report of its replay to come back. */
  long ownLagNanos(long lagNanos) {
    return Math.max(0, lagNanos - roundTripNanos);
  }

  /** The primary itself did not run for so long: that counts for nothing. */
  void discount(long pauseNanos) {
    lastHeardNanos += pauseNanos;
    lastProgressNanos += pauseNanos;
    lastAckNanos += pauseNanos;
    lastReplayNanos += pauseNanos;
  }

  /** Its join does not get on, and it is not busy with the checkpoint either. */
  boolean isStuck(long now, Timing timing) {
    boolean awaited = accepted != null || chunks.isBehind();
    return awaited && !applies() && now - lastProgressNanos >= timing.joinProgressNanos();
  }

  /** What it has to hear before chunks come of a checkpoint that is being taken for it. */
  Message.CheckpointBegun begun(ReplicaInstance self, int round) {
    return new Message.CheckpointBegun(epoch, round, self, instance);
  }

  /** Whether a report claims chunks that are not there. */
  boolean contradicts(Message.BackupReport report) {
    return report.divergences() == 0 && report.chunksThrough() > chunks.count();
  }

  /** Takes over what a report says; true if the backup has come further in any way. */
  boolean update(Message.BackupReport report, long now) {
    boolean progress = !reported;
    reported = true;
    if (report.stage().compareTo(stage) > 0) {
      stage = report.stage();
      progress = true;
    }
    if (report.divergences() == 0 && chunks.acknowledge(report.chunksThrough())) {
      lastChunkNanos = now;
      progress = true;
    }
    if (window != null && window.acknowledge(report.receivedThrough())) {
      lastAckNanos = now;
      lastResendNanos = now;
      progress = true;
    }
    if (report.replayedPosition().isAfter(replayedPosition)
        || report.replayedThrough() > replayedThrough) {
      replayedPosition = replayedPosition.max(report.replayedPosition());
      replayedThrough = Math.max(replayedThrough, report.replayedThrough());
      lastReplayNanos = now;
      progress = true;
    }
    divergences = Math.max(divergences, report.divergences());
    healed = Math.max(healed, report.healed());
    if (progress) {
      lastProgressNanos = now;
    }
    return progress;
  }

  /** Whether its replay differed when it was last heard. */
  boolean isDiverged() {
    return divergences > healed;
  }

  /** Through which record outputs may leave. */
  long committedThrough(OutputCommit commit) {
    long held = openWindow().acknowledgedThrough();
    return commit == OutputCommit.RECEIVED && !isDiverged()
        ? held
        : Math.min(held, replayedThrough);
  }

  /** Why it is to be suspected now, in sync as it is said to be; null if it is not. */
  @Nullable NotProtectedReason fault(
      long now, Timing timing, OutputCommit commit, PrimaryHealing healing, long nextCommit) {
    if (isSilent(now, timing)) {
      return NotProtectedReason.BACKUP_SILENT;
    }
    if (linkLost && now - linkLostNanos >= timing.reconnectGraceNanos()) {
      return NotProtectedReason.LOST_CONNECTION;
    }
    if (openWindow().size() > 0 && now - lastAckNanos >= timing.ackTimeoutNanos()) {
      return NotProtectedReason.BACKUP_STUCK;
    }
    if (healing.isOpen()) {
      return healing.isBehind() && now - lastProgressNanos >= timing.joinProgressNanos()
          ? NotProtectedReason.DIVERGENCE
          : null;
    }
    boolean waitedFor =
        commit == OutputCommit.MATCHED
            && nextCommit > replayedThrough
            && nextCommit <= openWindow().acknowledgedThrough();
    if (!waitedFor) {
      lastReplayNanos = now;
    }
    return now - lastReplayNanos >= timing.joinProgressNanos()
        ? NotProtectedReason.BACKUP_STUCK
        : null;
  }

  boolean isSilent(long now, Timing timing) {
    return now - lastHeardNanos >= timing.backupSilenceNanos();
  }

  /** The records that wait for its acknowledgement; it must have been accepted. */
  SendWindow openWindow() {
    if (window == null) {
      throw new IllegalStateException("backup " + instance + " is not accepted yet");
    }
    return window;
  }

  /** It has the whole checkpoint and makes its machine of it, for as long as that takes: it says so if it fails. */
  boolean applies() {
    return stage == BackupStage.RECEIVING && chunks.complete();
  }

  boolean takesRecords() {
    return window != null && stage.compareTo(BackupStage.CATCHING_UP) >= 0;
  }
}
