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
  private Message.@Nullable Resynchronise offer;
  private ChunkFlow chunks;

  PrimaryHealing(Limits limits) {
    this.limits = limits;
    chunks = new ChunkFlow(limits.chunkWindow());
  }

  /** Another backup: its divergences count from 1. */
  void reset() {
    round = 0;
    open = false;
    offer = null;
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
    offer = null;
    chunks = new ChunkFlow(limits.chunkWindow());
    if (found) {
      effects.add(new PrimaryEffect.ReportDivergence(message.epoch(), round, message.what()));
    }
    effects.add(
        new PrimaryEffect.TakeResynchronisation(
            message.epoch(), round, message.everything(), message.written()));
    return true;
  }

  /** The checkpoint is taken. */
  Message.Resynchronise taken(
      PrimaryInput.CheckpointTaken taken, long sequence, long outputsBefore) {
    Message.Resynchronise made =
        new Message.Resynchronise(
            taken.epoch(), round, sequence, taken.chunkCount(), outputsBefore);
    offer = made;
    chunks.end(taken.chunkCount());
    return made;
  }

  /** What the backup has to hear until it is healed; null before the checkpoint is taken. */
  Message.@Nullable Resynchronise offer() {
    return open ? offer : null;
  }

  /** Whether the backup lacks what it could have. */
  boolean isBehind() {
    return open && !chunks.complete() && (offer != null || chunks.isBehind());
  }

  /** What is on its way; null if nothing. */
  @Nullable ChunkFlow chunks() {
    return open ? chunks : null;
  }

  /** Whether a report says what no backup of this primary can say. */
  boolean contradicts(Message.BackupReport report) {
    boolean ofThis = open && report.divergences() == round;
    return report.healed() > round
        || report.healed() > report.divergences()
        || (ofThis && report.chunksThrough() > chunks.count());
  }

  /** Takes a report's word on the chunks; true if that is progress. */
  boolean progressed(Message.BackupReport report) {
    return open && report.divergences() == round && chunks.acknowledge(report.chunksThrough());
  }

  /** Whether a report says that the last divergence is healed; once. */
  boolean healed(Message.BackupReport report) {
    if (!open || report.healed() != round) {
      return false;
    }
    open = false;
    offer = null;
    resynchronisations++;
    return true;
  }
}
