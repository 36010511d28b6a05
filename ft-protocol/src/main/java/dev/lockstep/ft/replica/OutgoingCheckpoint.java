package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.PrimaryInput;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * The checkpoint that a primary takes for its backup, and sends while it takes it. Whoever takes it is kept from running far ahead of what the backup has: what
 * is copied late need not be copied again, and what is not sent when the guest stands still would delay the log behind it.
 */
final class OutgoingCheckpoint implements AutoCloseable {
  /** So much may be copied ahead of the backup: 16 MiB. */
  private static final int CHUNKS_AHEAD = 64;

  /** The backup may lack so much when a pass ends, so that the link does not stand still. */
  private static final int CHUNKS_LEFT = 4;

  private static final int PAGE_BYTES = 4_096;

  /** It is not wanted any more: the backup is gone, or another checkpoint is asked for. */
  static final class AbandonedException extends Exception {
    private static final long serialVersionUID = 1L;

    AbandonedException() {
      super("the checkpoint is not wanted any more");
    }
  }

  private final long epoch;
  private final int round;
  private final CheckpointFile file;
  private final Consumer<PrimaryInput> told;
  private int chunks;
  private int acknowledged;
  private long firstNanos;
  private long lastNanos;
  private boolean closed;

  private OutgoingCheckpoint(
      long epoch, int round, CheckpointFile file, Consumer<PrimaryInput> told) {
    this.epoch = epoch;
    this.round = round;
    this.file = file;
    this.told = told;
  }

  /**
   * An empty one.
   *
   * @param round the divergence it heals; 0 for a join
   * @param told how far it has come, on the thread that takes it
   */
  static OutgoingCheckpoint create(
      Path folder, long epoch, int round, CheckpointFile.Layout layout, Consumer<PrimaryInput> told)
      throws IOException {
    return new OutgoingCheckpoint(epoch, round, CheckpointFile.create(folder, layout), told);
  }

  boolean isOf(long ofEpoch, int ofRound) {
    return epoch == ofEpoch && round == ofRound;
  }

  // ---- whoever takes it

  FileChannel openForWriting() throws IOException {
    return file.openForWriting();
  }

  /** More may have been written: tells it, and waits for the backup if it is far behind. */
  void written() throws IOException, InterruptedException, AbandonedException {
    awaitBackup(CHUNKS_AHEAD);
  }

  /** A pass over the machine is written: waits until the backup has nearly all of it. */
  void passWritten() throws IOException, InterruptedException, AbandonedException {
    awaitBackup(CHUNKS_LEFT);
  }

  private synchronized void awaitBackup(int mayLack)
      throws IOException, InterruptedException, AbandonedException {
    if (closed) {
      throw new AbandonedException();
    }
    int full = file.fullChunkCount();
    if (full > chunks) {
      firstNanos = chunks == 0 ? System.nanoTime() : firstNanos;
      chunks = full;
      told.accept(new PrimaryInput.CheckpointGrew(epoch, round, full));
    }
    while (chunks - acknowledged > mayLack) {
      wait();
      if (closed) {
        throw new AbandonedException();
      }
    }
  }

  /** The last of it is written, while the guest stands. */
  void whole(FileChannel writing, CheckpointFile.Stand stand) throws IOException {
    file.writeStand(writing, stand);
    synchronized (this) {
      if (!closed) {
        told.accept(new PrimaryInput.CheckpointTaken(epoch, round, file.chunkCount()));
      }
    }
  }

  // ---- whoever sends it

  Payload chunk(int index) throws IOException {
    return file.chunk(index);
  }

  /** The backup has the first ones. */
  synchronized void acknowledged(int first) {
    if (first > acknowledged) {
      acknowledged = first;
      lastNanos = System.nanoTime();
      notifyAll();
    }
  }

  /** How many pages reach the backup in so long a time, by the rate so far and as if none were packed; {@link Long#MAX_VALUE} before there is a rate. */
  synchronized long pagesSentWithin(long nanos) {
    if (acknowledged == 0) {
      return Long.MAX_VALUE;
    }
    double pages = (double) acknowledged * CheckpointFile.CHUNK_BYTES / PAGE_BYTES;
    return (long) (pages * nanos / Math.max(1, lastNanos - firstNanos));
  }

  /** Removes the file, and lets go whoever takes it. */
  @Override
  public void close() throws IOException {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    file.close();
  }

  /** Reads the machine's checkpoint. */
  CheckpointFile file() {
    return file;
  }
}
