package dev.lockstep.ft.core;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A backup's divergences in one epoch, and how far the healing of the last one has come: told, offered, staged, applied. Until a checkpoint is staged whole and
 * begins to be applied, the machine keeps the state in which it diverged.
 */
final class BackupHealing {
  private final Timing timing;
  private int divergences;
  private int healed;
  private @Nullable Divergence what;
  private Payload written = Payload.EMPTY;
  private boolean everything;
  private Message.@Nullable Resynchronise offer;
  private ChunkStaging staging = new ChunkStaging(0);
  private boolean applying;
  private boolean hopeless;
  private long lastToldNanos;

  BackupHealing(Timing timing) {
    this.timing = timing;
  }

  /** The replay has diverged. */
  void diverged(BackupInput.Diverged diverged) {
    if (isOpen()) {
      throw new IllegalStateException("a machine that stands diverged again: " + diverged.what());
    }
    what = diverged.what();
    written = diverged.written();
    everything = false;
    next();
  }

  private void next() {
    divergences++;
    offer = null;
    staging = new ChunkStaging(divergences);
    applying = false;
    lastToldNanos = Long.MIN_VALUE / 2;
  }

  /** Whether the machine differs from the primary's. */
  boolean isOpen() {
    return divergences > healed;
  }

  /** Whether the two are known to differ: not if it stands for a planned checkpoint alone. */
  boolean differs() {
    Divergence open = what;
    return isOpen() && (open == null || !open.planned() || everything);
  }

  /** Whether a resynchronisation is being looked at, or put into the machine. */
  boolean isApplying() {
    return applying;
  }

  int divergences() {
    return divergences;
  }

  int healed() {
    return healed;
  }

  int chunksThrough() {
    return staging.through();
  }

  /**
   * Says again what differs, as long as nobody has answered; or that nothing heals it, until the primary goes on without this backup. Until then it stands where
   * it is: if the primary is dead, this is the only machine that is left.
   */
  void tell(long now, long epoch, List<BackupEffect> effects) {
    Divergence told = what;
    if (!isOpen() || told == null || now - lastToldNanos < timing.retransmitNanos()) {
      return;
    }
    if (hopeless) {
      lastToldNanos = now;
      effects.add(
          new BackupEffect.Send(
              new Message.BackupLeaving(
                  epoch,
                  BackupLoss.DIVERGED,
                  "the primary's whole memory did not make the two equal")));
    } else if (offer == null && !staging.isBegun()) {
      lastToldNanos = now;
      effects.add(
          new BackupEffect.Send(
              new Message.Diverged(epoch, divergences, told, everything, written)));
    }
  }

  /** The primary makes the checkpoint that is waited for, and sends it meanwhile. */
  void begun(Message.CheckpointBegun message, List<BackupEffect> effects) {
    if (isOpen() && message.round() == divergences) {
      staging.begin(message.epoch(), effects);
    }
  }

  /** Whether this is the answer that is waited for. */
  void offered(Message.Resynchronise message, List<BackupEffect> effects) {
    if (isOpen() && message.round() == divergences && offer == null) {
      staging.begin(message.epoch(), effects);
      staging.end(message.chunkCount());
      offer = message;
      applyIfWhole(effects);
    }
  }

  /** Takes the next chunk; true if it was the next. */
  boolean chunk(Message.CheckpointChunk chunk, List<BackupEffect> effects) {
    boolean taken = isOpen() && staging.take(chunk, effects);
    if (taken) {
      applyIfWhole(effects);
    }
    return taken;
  }

  private void applyIfWhole(List<BackupEffect> effects) {
    Message.Resynchronise awaited = offer;
    if (awaited != null && staging.isWhole()) {
      applying = true;
      effects.add(
          new BackupEffect.Resynchronise(
              awaited.epoch(),
              awaited.round(),
              awaited.checkpointSequence(),
              awaited.outputsBefore()));
    }
  }

  /** The machine is the primary's equal again; what it was made of, or null if that is old news. */
  Message.@Nullable Resynchronise applied(int round) {
    Message.Resynchronise done = offer;
    if (!applying || round != divergences || done == null) {
      return null;
    }
    healed = divergences;
    applying = false;
    offer = null;
    return done;
  }

  /** What was staged does not fit, and nothing was touched: all of the primary's memory is asked for, if that was not it. */
  void unfit(int round) {
    if (!applying || round != divergences) {
      return;
    }
    applying = false;
    if (everything) {
      hopeless = true;
      lastToldNanos = Long.MIN_VALUE / 2;
      return;
    }
    everything = true;
    // A question of its own, so that its answer cannot be mistaken for that to the one before.
    next();
  }
}
