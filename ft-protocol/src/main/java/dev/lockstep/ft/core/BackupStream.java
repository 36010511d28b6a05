package dev.lockstep.ft.core;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a primary sends to its backup, and when: heartbeats, what must be said until it is heard, chunks, records and marks. */
final class BackupStream {
  private final Timing timing;
  private final Limits limits;
  private final ReplicaInstance self;
  private final BackupPeer peer;
  private final PrimaryHealing healing;
  private List<PrimaryEffect> effects = new ArrayList<>();
  private @Nullable ProgressMark sentMark;

  /** Records have been sent since the last mark: the next one says how far the backup may run by them, and is not kept waiting. */
  private boolean markFollows;

  /** Records wait for more: the backup has enough to replay. */
  private boolean gathers;

  private long lastRecordsNanos;
  private long lastHeartbeatNanos;
  private long lastMarkNanos;

  BackupStream(
      Timing timing,
      Limits limits,
      ReplicaInstance self,
      BackupPeer peer,
      PrimaryHealing healing,
      long now) {
    this.timing = timing;
    this.limits = limits;
    this.self = self;
    this.peer = peer;
    this.healing = healing;
    lastHeartbeatNanos = now - timing.heartbeatIntervalNanos();
    lastMarkNanos = now - timing.closeMarkNanos();
    lastRecordsNanos = lastMarkNanos;
  }

  /**
   * Adds to {@code out} whatever is due at {@code now} in a phase from TRANSFERRING to PROTECTED.
   *
   * @param unreplayed records that the backup has not replayed, if outputs wait for that
   */
  void flush(
      long now,
      PrimaryPhase phase,
      long outputsLeft,
      long unreplayed,
      @Nullable ProgressMark mark,
      List<PrimaryEffect> out) {
    if (peer.accepted == null && peer.chunks.count() == 0) {
      return;
    }
    effects = out;
    boolean heartbeat = heartbeatDue(now);
    if (heartbeat) {
      send(new Message.Heartbeat(peer.epoch, now, outputsLeft));
      repeatUnanswered(phase);
    }
    if (phase == PrimaryPhase.TRANSFERRING && peer.reported) {
      sendChunks(now, peer.chunks, 0);
    } else if (phase == PrimaryPhase.RESYNCHRONISING) {
      sendChunks(now, healing.chunks(), healing.round());
    }
    gathers = !heartbeat && Gathering.mayWait(unreplayed, now - lastRecordsNanos, timing);
    if (peer.takesRecords() && !gathers) {
      sendRecords(now, mark != null && mayMatter(mark) ? mark : null, heartbeat);
    }
  }

  /** When what waits may be sent, records for more of them or a mark that came too soon after the last one; {@link Long#MAX_VALUE} if nothing does. */
  long nextSendNanos(@Nullable ProgressMark mark) {
    if (!peer.takesRecords()) {
      return Long.MAX_VALUE;
    }
    boolean markWaits = mark != null && !mark.equals(sentMark) && mayMatter(mark);
    if (gathers && (markWaits || peer.openWindow().hasUnsent())) {
      return lastRecordsNanos + timing.closeMarkNanos();
    }
    return markWaits ? lastMarkNanos + timing.closeMarkNanos() : Long.MAX_VALUE;
  }

  /** Not if the backup is past it. One where it stands may be a promise. */
  private boolean mayMatter(ProgressMark mark) {
    return !peer.replayedPosition.isAfter(mark.position());
  }

  /** True once every heartbeat interval. */
  boolean heartbeatDue(long now) {
    boolean due = now - lastHeartbeatNanos >= timing.heartbeatIntervalNanos();
    if (due) {
      lastHeartbeatNanos = now;
    }
    return due;
  }

  /** What the backup has to hear at least once is said until its reports show that it has. */
  private void repeatUnanswered(PrimaryPhase phase) {
    if (peer.accepted != null && peer.stage == BackupStage.RECEIVING) {
      send(peer.accepted);
    } else if (!peer.reported) {
      send(peer.begun(self, 0));
    }
    if (phase == PrimaryPhase.ARMING) {
      send(new Message.Protect(peer.epoch, peer.protectAfter));
    }
    if (phase == PrimaryPhase.RESYNCHRONISING) {
      repeatResynchronisation();
    }
  }

  private void repeatResynchronisation() {
    Message.Resynchronise offer = healing.offer();
    ChunkFlow chunks = healing.chunks();
    if (offer != null) {
      send(offer);
    } else if (chunks != null && chunks.count() > 0) {
      send(peer.begun(self, healing.round()));
    }
  }

  private void sendChunks(long now, @Nullable ChunkFlow chunks, int round) {
    if (chunks == null || chunks.complete()) {
      return;
    }
    if (now - peer.lastChunkNanos >= timing.retransmitNanos()) {
      peer.lastChunkNanos = now;
      chunks.rewind();
    }
    for (int index = chunks.take(); index >= 0; index = chunks.take()) {
      effects.add(new PrimaryEffect.SendChunk(peer.instance, peer.epoch, round, index));
    }
  }

  /** What has not been sent, and the mark behind it if it is due: in one message, since the guest's answers wait for both. */
  private void sendRecords(long now, @Nullable ProgressMark mark, boolean repeatMark) {
    SendWindow window = peer.openWindow();
    if (window.size() == 0) {
      peer.lastAckNanos = now;
      peer.lastResendNanos = now;
    } else if (resendDue(now)) {
      window.rewind();
    }
    markFollows |= window.hasUnsent();
    ProgressMark due = mark != null && isDue(now, mark, repeatMark) ? mark : null;
    while (window.hasUnsent()) {
      List<LogRecord> batch = window.takeBatch(limits.maxBatchRecords(), limits.maxBatchBytes());
      boolean last = !window.hasUnsent();
      send(new Message.Records(peer.epoch, batch, last ? due : null));
      if (last) {
        noteSent(now, due);
        return;
      }
    }
    if (due != null) {
      send(new Message.Records(peer.epoch, List.of(), due));
      noteSent(now, due);
    }
  }

  private boolean isDue(long now, ProgressMark mark, boolean repeat) {
    boolean inTime = markFollows || now - lastMarkNanos >= timing.closeMarkNanos();
    return repeat || inTime && !mark.equals(sentMark);
  }

  private void noteSent(long now, @Nullable ProgressMark mark) {
    lastRecordsNanos = now;
    if (mark != null) {
      markFollows = false;
      lastMarkNanos = now;
      sentMark = mark;
    }
  }

  private boolean resendDue(long now) {
    boolean due = now - peer.lastResendNanos >= timing.retransmitNanos();
    if (due) {
      peer.lastResendNanos = now;
    }
    return due;
  }

  private void send(Message.ToBackup message) {
    effects.add(new PrimaryEffect.Send(peer.instance, message));
  }
}
