package dev.lockstep.ft.core;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the two replicas say to each other. Every message names the epoch it belongs to, and one of another epoch is not heard; those that come before
 * an epoch is agreed carry the asking instance instead. Messages may be lost, repeated, delayed and reordered: all state they carry is monotone within an
 * epoch.
 */
public sealed interface Message {

  /** The epoch this message belongs to, or 0 before one is agreed. */
  long epoch();

  /** Backup to primary. */
  sealed interface ToPrimary extends Message {}

  /** Primary to backup. */
  sealed interface ToBackup extends Message {}

  /** Asks to be brought in. Repeated until answered. */
  record JoinRequest(ReplicaInstance backup) implements ToPrimary {
    @Override
    public long epoch() {
      return 0;
    }
  }

  /**
   * Everything a backup has to report, sent at once when records arrive and at least every heartbeat interval: it is acknowledgement, lag report and
   * heartbeat in one.
   *
   * @param stage how far it has come
   * @param chunksThrough checkpoint chunks received without a gap
   * @param receivedThrough the last record held, with all before it
   * @param replayedThrough the last record replayed
   * @param replayedPosition where its replay has come to
   * @param echoedNanos the newest {@link Heartbeat#sentNanos} seen in this epoch, 0 before the first
   * @param divergences how often its replay has diverged in this epoch; {@code chunksThrough} belongs to the resynchronisation of that number, and to the
   *     join while it is 0
   * @param healed the number of the last divergence that a resynchronisation has healed: less than {@code divergences} while it is diverged
   */
  record BackupReport(
      long epoch,
      BackupStage stage,
      int chunksThrough,
      long receivedThrough,
      long replayedThrough,
      Position replayedPosition,
      long echoedNanos,
      int divergences,
      int healed)
      implements ToPrimary {}

  /**
   * The backup's replay differs. Repeated until {@link Resynchronise} answers it. The backup keeps its membership: it goes on to hold records, and waits for a
   * checkpoint.
   *
   * @param round the number of the divergence in this epoch, from 1
   * @param everything the union of what both have written did not make them equal: whole memory is wanted
   * @param written which pages and blocks the backup has written since both were known to be equal, as the machine encodes it
   */
  record Diverged(long epoch, int round, Divergence what, boolean everything, Payload written)
      implements ToPrimary {}

  /** The backup has gone live as the primary of {@code epoch + 1}: news for one that has handed over. Best effort; the arbiter says the same. */
  record TookOver(long epoch) implements ToPrimary {}

  /** The backup wants to be dropped: it is gone, or stands where nothing heals it. Only the arbiter keeps the latter from going live, until it hears that it is dropped. */
  record BackupLeaving(long epoch, BackupLoss reason, String detail) implements ToPrimary {}

  /**
   * A checkpoint is being taken for this backup: its chunks come while the guest goes on and more are made. {@link JoinAccepted} or {@link Resynchronise} says at
   * last how many they are, and where the machine stands behind them. Best effort: those two say enough alone.
   *
   * @param round the divergence that it heals; 0 for the join, which is accepted by this
   * @param primary the instance that speaks
   * @param backup the instance that asked
   */
  record CheckpointBegun(long epoch, int round, ReplicaInstance primary, ReplicaInstance backup)
      implements ToBackup {}

  /**
   * The join is accepted: a checkpoint of the machine after {@code checkpointSequence} follows in {@code chunkCount} chunks, those included that have been sent
   * already, then records from there on.
   *
   * @param vm the VM and incarnation the backup is joining
   * @param primary the instance that speaks
   * @param backup the instance that asked
   * @param outputsBefore how many outputs the machine had produced at the checkpoint
   * @param commit when outputs leave once the backup is in sync
   */
  record JoinAccepted(
      long epoch,
      VmId vm,
      ReplicaInstance primary,
      ReplicaInstance backup,
      long checkpointSequence,
      int chunkCount,
      long outputsBefore,
      OutputCommit commit)
      implements ToBackup {}

  /** Not now; ask again. */
  record JoinDeferred(ReplicaInstance backup, String reason) implements ToBackup {
    @Override
    public long epoch() {
      return 0;
    }
  }

  /**
   * One piece of a checkpoint.
   *
   * @param round the divergence whose resynchronisation it belongs to; 0 for the join
   */
  record CheckpointChunk(long epoch, int round, int index, Payload data) implements ToBackup {}

  /**
   * The checkpoint that heals divergence {@code round}: what may differ of the machine after {@code checkpointSequence}, in {@code chunkCount} chunks, with the
   * outputs that the primary held then.
   *
   * @param outputsBefore how many outputs the machine had produced at the checkpoint
   */
  record Resynchronise(
      long epoch, int round, long checkpointSequence, int chunkCount, long outputsBefore)
      implements ToBackup {}

  /**
   * The primary's guest stands still, the backup has all of it, and everything has left: the backup is to ask for the next term at once. From here on the
   * primary goes on only if the arbiter gives the term to it.
   */
  record HandOver(long epoch, long throughSequence) implements ToBackup {}

  /** Consecutive records, and the newest progress mark when one is due. Either may be missing, not both. */
  record Records(long epoch, List<LogRecord> records, @Nullable ProgressMark mark)
      implements ToBackup {
    public Records {
      records = List.copyOf(records);
    }
  }

  /**
   * From here on no output leaves without the backup's acknowledgement. A backup that holds every record through {@code afterSequence} is in sync: it may ask
   * to go live.
   */
  record Protect(long epoch, long afterSequence) implements ToBackup {}

  /**
   * The primary lives.
   *
   * @param sentNanos the primary's own clock when it was sent
   * @param releasedThrough the released watermark: outputs with numbers up to it have really left
   */
  record Heartbeat(long epoch, long sentNanos, long releasedThrough) implements ToBackup {}

  /** The primary goes on without this backup, which must never go live from what it holds. It may join anew. */
  record BackupDropped(long epoch) implements ToBackup {}

  /** The guest ended with record {@code throughSequence} and everything it put out has left: once that is replayed there is nothing to take over. */
  record GuestFinished(long epoch, long throughSequence) implements ToBackup {}
}
