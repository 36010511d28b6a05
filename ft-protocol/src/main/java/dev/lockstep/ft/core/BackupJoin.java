package dev.lockstep.ft.core;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** How far a backup's join has come: how the primary has accepted it, and what of the checkpoint is staged. */
final class BackupJoin {
  private final ChunkStaging staging = new ChunkStaging(0);
  private Message.@Nullable JoinAccepted accepted;

  /** The checkpoint comes. */
  void begin(long epoch, List<BackupEffect> effects) {
    staging.begin(epoch, effects);
  }

  /** The checkpoint is taken. */
  void accept(Message.JoinAccepted message, List<BackupEffect> effects) {
    staging.begin(message.epoch(), effects);
    staging.end(message.chunkCount());
    accepted = message;
    applyIfWhole(effects);
  }

  /** Takes the next chunk; true if it was the next. */
  boolean chunk(Message.CheckpointChunk chunk, List<BackupEffect> effects) {
    boolean taken = staging.take(chunk, effects);
    if (taken) {
      applyIfWhole(effects);
    }
    return taken;
  }

  private void applyIfWhole(List<BackupEffect> effects) {
    Message.JoinAccepted known = accepted;
    if (known != null && staging.isWhole()) {
      effects.add(
          new BackupEffect.ApplyCheckpoint(
              known.epoch(), known.checkpointSequence(), known.outputsBefore()));
    }
  }

  /** Whether the primary has told where its machine stands behind the checkpoint. */
  boolean isAccepted() {
    return accepted != null;
  }

  boolean isOverfull() {
    return staging.isOverfull();
  }

  int chunksThrough() {
    return staging.through();
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
