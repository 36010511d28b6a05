package dev.lockstep.ft.core;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The log as a backup holds it: how much of it has come without a gap, how much is replayed, and the newest mark. */
final class HeldLog {
  private final Canary canary;
  private long receivedThrough;
  private long replayedThrough;
  private Position replayedPosition = Position.START;
  private long outputsReceived;
  private long outputsReplayed;
  private long endSequence;
  private @Nullable Position markPosition;
  private @Nullable ProgressMark lastMark;
  private @Nullable ProgressMark earlyMark;

  HeldLog(Canary canary) {
    this.canary = canary;
  }

  /** It begins behind a checkpoint that is on its way. */
  void begin(long checkpointSequence, long outputsBefore) {
    receivedThrough = checkpointSequence;
    replayedThrough = checkpointSequence;
    outputsReceived = outputsBefore;
    outputsReplayed = outputsBefore;
  }

  /** The join's checkpoint is applied: the machine stands there. */
  void stands(Position position) {
    replayedPosition = position;
    markPosition = position;
  }

  /** A resynchronisation is applied: whatever comes before its checkpoint is in it, held or not. */
  void leap(long checkpointSequence, long outputsBefore, Position position) {
    if (receivedThrough < checkpointSequence) {
      receivedThrough = checkpointSequence;
      outputsReceived = outputsBefore;
    }
    replayedThrough = checkpointSequence;
    outputsReplayed = outputsBefore;
    stands(replayedPosition.max(position));
    // A mark that the machine before had may lie ahead; it is told again. One that came beside the
    // checkpoint may lie before it.
    markPosition = position;
    lastMark = null;
    if (earlyMark != null && position.isAfter(earlyMark.position())) {
      earlyMark = null;
    }
  }

  /** Takes what continues the log, adds what is to be replayed, keeps the mark for {@link #heedMark}; true if there was news. */
  boolean receive(Message.Records message, List<BackupEffect> effects) {
    List<LogRecord> fresh = new ArrayList<>();
    for (LogRecord next : message.records()) {
      if (next.sequence() == receivedThrough + 1) {
        receivedThrough++;
        fresh.add(next);
        switch (next.kind()) {
          case INPUT -> {}
          case OUTPUT -> outputsReceived++;
          case END -> endSequence = next.sequence();
        }
      }
    }
    if (!fresh.isEmpty()) {
      effects.add(new BackupEffect.Replay(fresh));
    }
    ProgressMark mark = message.mark();
    if (mark != null
        && (markPosition == null || !markPosition.isAfter(mark.position()))
        && !mark.equals(lastMark)) {
      earlyMark = mark;
    }
    return !fresh.isEmpty();
  }

  /**
   * Tells the machine of the newest mark that has come. It counts once every record it speaks of is here; until then it is kept. One that a later record has overtaken says nothing any more. Not while the
   * machine differs: one that is being made equal is about to stand where the mark may lie behind it.
   */
  void heedMark(List<BackupEffect> effects) {
    if (!canary.heedsMarks()) {
      ProgressMark none = new ProgressMark(receivedThrough, Position.END_OF_TIME, Payload.EMPTY);
      effects.add(new BackupEffect.ReplayUpTo(none));
    } else if (earlyMark != null && earlyMark.afterSequence() <= receivedThrough) {
      if (earlyMark.afterSequence() == receivedThrough) {
        markPosition = earlyMark.position();
        lastMark = earlyMark;
        effects.add(new BackupEffect.ReplayUpTo(earlyMark));
      }
      earlyMark = null;
    }
  }

  void noteReplay(BackupInput.Replayed replayed) {
    if (replayed.throughSequence() > receivedThrough) {
      throw new IllegalStateException(
          "replay claims record %d, but only %d are held"
              .formatted(replayed.throughSequence(), receivedThrough));
    }
    replayedThrough = Math.max(replayedThrough, replayed.throughSequence());
    replayedPosition = replayedPosition.max(replayed.position());
    outputsReplayed = Math.max(outputsReplayed, replayed.outputs());
  }

  /** The last record held, with all before it. */
  long receivedThrough() {
    return receivedThrough;
  }

  /** The last record replayed. */
  long replayedThrough() {
    return replayedThrough;
  }

  Position replayedPosition() {
    return replayedPosition;
  }

  /** Outputs whose records are held, and all before them. */
  long outputsReceived() {
    return outputsReceived;
  }

  /** Outputs that the replay has produced and matched, and all before them. */
  long outputsReplayed() {
    return outputsReplayed;
  }

  boolean isReplayed() {
    return replayedThrough == receivedThrough;
  }

  /** Whether a log that ends with this record ends with the guest. */
  boolean endsWithGuest(long sequence) {
    return endSequence != 0 && endSequence == sequence;
  }
}
