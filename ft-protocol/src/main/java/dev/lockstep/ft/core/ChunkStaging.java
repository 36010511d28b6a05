package dev.lockstep.ft.core;

import java.util.List;

/** The chunks of one checkpoint as a backup stages them, in order; how many there are may be told when some, or all, of them are there. */
final class ChunkStaging {
  private static final int UNKNOWN = -1;

  private final int round;
  private boolean begun;
  private int through;
  private int count = UNKNOWN;

  /**
   * @param round the divergence that the checkpoint heals; 0 for a join
   */
  ChunkStaging(int round) {
    this.round = round;
  }

  /** The checkpoint comes. */
  void begin(long epoch, List<BackupEffect> effects) {
    if (!begun) {
      begun = true;
      effects.add(new BackupEffect.BeginStaging(epoch, round));
    }
  }

  /** Whether the primary has said that it comes. */
  boolean isBegun() {
    return begun;
  }

  /** The checkpoint is taken, and has so many chunks. */
  void end(int chunkCount) {
    count = chunkCount;
  }

  /** Takes the next chunk; true if it was the next. */
  boolean take(Message.CheckpointChunk chunk, List<BackupEffect> effects) {
    boolean next = chunk.round() == round && chunk.index() == through;
    if (!begun || !next || through == count) {
      return false;
    }
    through++;
    effects.add(new BackupEffect.Stage(chunk.epoch(), chunk.index(), chunk.data()));
    return true;
  }

  /** How many are staged. */
  int through() {
    return through;
  }

  boolean isWhole() {
    return through == count;
  }

  /** Whether more chunks have come than there can be: who sends them is no primary of this protocol. */
  boolean isOverfull() {
    return count != UNKNOWN && through > count;
  }
}
