package dev.lockstep.ft.core;

import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A primary's part in healing its backup: which divergence is being healed, with which checkpoint, and how often that has been necessary. */
final class PrimaryHealing {
  private static final long MINUTE_NANOS = 60_000_000_000L;

  private final Limits limits;
  private final ArrayDeque<Long> recentNanos = new ArrayDeque<>();
  private int divergences;
  private int resynchronisations;

  // Of the present backup.
  private int round;
  private boolean open;
  private Message.@Nullable CheckpointBegun begun;
  private Message.@Nullable Resynchronise offer;
  private @Nullable ChunkFlow chunks;

  PrimaryHealing(Limits limits) {
    this.limits = limits;
  }

  /** Another backup: its divergences count from 1. */
  void reset() {
    round = 0;
    open = false;
    forgetCheckpoint();
  }

  private void forgetCheckpoint() {
    begun = null;
    offer = null;
    chunks = null;
  }

  /** Whether a divergence is not healed yet. */
  boolean isOpen() {
    return open;
  }

  /** The divergence that is being healed, or was last. */
  int round() {
    return round;
  }

  int divergences() {
    return divergences;
  }

  int resynchronisations() {
    return resynchronisations;
  }

  /** Whether there were more in the last minute than the limit allows. */
  boolean isFrequent(long now) {
    while (!recentNanos.isEmpty() && now - recentNanos.getFirst() > MINUTE_NANOS) {
      recentNanos.removeFirst();
    }
    return recentNanos.size() > limits.maxHealsPerMinute();
  }

  /** The backup says that it differs; true if that is news, and a checkpoint is to be taken. */
  boolean diverged(long now, Message.Diverged message, List<PrimaryEffect> effects) {
    if (message.round() <= round) {
      return false;
    }
    if (round > 0) {
      effects.add(new PrimaryEffect.DiscardCheckpoint(message.epoch(), round));
    }
    boolean found = !message.what().planned();
    if (found && !message.everything()) {
      divergences++;
      recentNanos.add(now);
      if (recentNanos.size() > limits.maxHealsPerMinute() + 1) {
        recentNanos.removeFirst();
      }
    }
    round = message.round();
    open = true;
    forgetCheckpoint();
    if (found) {
      effects.add(new PrimaryEffect.ReportDivergence(message.epoch(), round, message.what()));
    }
    effects.add(
        new PrimaryEffect.TakeResynchronisation(
            message.epoch(), round, message.everything(), message.written()));
    return true;
  }

  /** So much of the checkpoint is there; what the backup has to hear of it, or null if that was said. */
  Message.@Nullable CheckpointBegun grew(
      PrimaryInput.CheckpointGrew grew, ReplicaInstance self, ReplicaInstance backup) {
    flow().grow(grew.chunkCount());
    if (begun != null) {
      return null;
    }
    begun = new Message.CheckpointBegun(grew.epoch(), round, self, backup);
    return begun;
  }

  private ChunkFlow flow() {
    ChunkFlow flow = chunks;
    if (flow == null) {
      flow = new ChunkFlow(limits.chunkWindow());
      chunks = flow;
    }
    return flow;
  }

  /** The checkpoint is taken. */
  Message.Resynchronise taken(
      PrimaryInput.CheckpointTaken taken, long sequence, long outputsBefore) {
    Message.Resynchronise made =
        new Message.Resynchronise(
            taken.epoch(), round, sequence, taken.chunkCount(), outputsBefore);
    offer = made;
    flow().end(taken.chunkCount());
    return made;
  }

  /** What the backup has to hear again and again until it is healed: the checkpoint is begun, or taken; null if nothing. */
  Message.@Nullable ToBackup offer() {
    return !open ? null : offer == null ? begun : offer;
  }

  /** Whether the backup lacks what it could have. */
  boolean isBehind() {
    ChunkFlow flow = chunks();
    return flow != null && !flow.complete() && (offer != null || flow.isBehind());
  }

  /** What is on its way; null if nothing. */
  @Nullable ChunkFlow chunks() {
    return open ? chunks : null;
  }

  /** Whether a report says what no backup of this primary can say. */
  boolean contradicts(Message.BackupReport report) {
    ChunkFlow flow = chunks;
    boolean ofThis = open && report.divergences() == round;
    return report.healed() > round
        || report.healed() > report.divergences()
        || (ofThis && flow == null && report.chunksThrough() > 0)
        || (ofThis && flow != null && report.chunksThrough() > flow.count());
  }

  /** Takes a report's word on the chunks; true if that is progress. */
  boolean progressed(Message.BackupReport report) {
    ChunkFlow flow = chunks;
    return open
        && flow != null
        && report.divergences() == round
        && flow.acknowledge(report.chunksThrough());
  }

  /** Whether a report says that the last divergence is healed; once. */
  boolean healed(Message.BackupReport report) {
    if (!open || report.healed() != round) {
      return false;
    }
    open = false;
    forgetCheckpoint();
    resynchronisations++;
    return true;
  }
}
