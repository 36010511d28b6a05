package dev.lockstep.ft.core;

import org.jspecify.annotations.Nullable;

/** What a primary knows of the one backup it is dealing with, in one epoch. */
final class BackupPeer {
  final ReplicaInstance instance;
  final long epoch;
  BackupStage stage = BackupStage.RECEIVING;

  /** The join's answer, sent again until the backup reports; null until the checkpoint is taken. */
  Message.@Nullable JoinAccepted accepted;

  @Nullable ChunkFlow chunks;
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
  long echoedNanos;
  long leaseEndNanos;
  long replayedThrough;
  Position replayedPosition = Position.START;

  BackupPeer(ReplicaInstance instance, long epoch, long now) {
    this.instance = instance;
    this.epoch = epoch;
    lastHeardNanos = now;
    lastProgressNanos = now;
    lastAckNanos = now;
    lastResendNanos = now;
    leaseEndNanos = now;
  }

  /** Anything was heard from it. */
  void heard(long now) {
    lastHeardNanos = now;
    linkLost = false;
  }

  /** A heartbeat that it has echoed gives outputs leave from the heartbeat's sending; true if it is a newer one. */
  boolean renewLease(long echoed, Timing timing) {
    if (echoed <= echoedNanos) {
      return false;
    }
    echoedNanos = echoed;
    leaseEndNanos = echoed + timing.leaseNanos();
    return true;
  }

  /** The primary itself did not run for so long: that counts for nothing. */
  void discount(long pauseNanos) {
    lastHeardNanos += pauseNanos;
    lastProgressNanos += pauseNanos;
    lastAckNanos += pauseNanos;
  }

  /** Its join does not get on, and it is not busy with the checkpoint either. */
  boolean isStuck(long now, Timing timing) {
    return accepted != null && !applies() && now - lastProgressNanos >= timing.joinProgressNanos();
  }

  /** Takes over what a report says; true if the backup has come further in any way. */
  boolean update(Message.BackupReport report, long now) {
    boolean progress = !reported;
    reported = true;
    if (report.stage().compareTo(stage) > 0) {
      stage = report.stage();
      progress = true;
    }
    if (chunks != null && chunks.acknowledge(report.chunksThrough())) {
      lastResendNanos = now;
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
      progress = true;
    }
    if (progress) {
      lastProgressNanos = now;
    }
    return progress;
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
    return stage == BackupStage.RECEIVING && chunks != null && chunks.complete();
  }

  boolean takesRecords() {
    return window != null && stage.compareTo(BackupStage.CATCHING_UP) >= 0;
  }
}
