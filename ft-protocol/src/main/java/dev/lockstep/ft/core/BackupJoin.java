package dev.lockstep.ft.core;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** How far a backup's join has come: how the primary has accepted it, and which chunks of the checkpoint are staged. Chunks may come before it is known how many they are. */
final class BackupJoin {
  private Message.@Nullable JoinAccepted accepted;
  private boolean begun;
  private int chunksThrough;

  /** The checkpoint comes. */
  void begin(long epoch, List<BackupEffect> effects) {
    if (!begun) {
      begun = true;
      effects.add(new BackupEffect.BeginStaging(epoch, 0));
    }
  }

  /** The checkpoint is taken, and has so many chunks. */
  void accept(Message.JoinAccepted message, List<BackupEffect> effects) {
    begin(message.epoch(), effects);
    accepted = message;
    applyIfWhole(message, effects);
  }

  /** Takes the next chunk; true if it was the next. */
  boolean chunk(Message.CheckpointChunk chunk, List<BackupEffect> effects) {
    Message.JoinAccepted known = accepted;
    boolean whole = known != null && chunksThrough >= known.chunkCount();
    if (chunk.round() != 0 || chunk.index() != chunksThrough || whole) {
      return false;
    }
    chunksThrough++;
    effects.add(new BackupEffect.Stage(chunk.epoch(), chunk.index(), chunk.data()));
    if (known != null) {
      applyIfWhole(known, effects);
    }
    return true;
  }

  private void applyIfWhole(Message.JoinAccepted known, List<BackupEffect> effects) {
    if (chunksThrough == known.chunkCount()) {
      effects.add(
          new BackupEffect.ApplyCheckpoint(
              known.epoch(), known.checkpointSequence(), known.outputsBefore()));
    }
  }

  /** Whether the primary has told where its machine stands behind the checkpoint. */
  boolean isAccepted() {
    return accepted != null;
  }

  /** Whether more chunks have come than there can be: who sends them is no primary of this protocol. */
  boolean isOverfull() {
    return accepted != null && chunksThrough > accepted.chunkCount();
  }

  int chunksThrough() {
    return chunksThrough;
  }

  VmId vm() {
    Message.JoinAccepted known = accepted;
    if (known == null) {
      throw new IllegalStateException("no VM before the join is accepted");
    }
    return known.vm();
  }

  OutputCommit commit() {
    return accepted == null ? OutputCommit.MATCHED : accepted.commit();
  }
}
