package dev.lockstep.ft.core;

/**
 * Which chunks of one checkpoint are to be sent: a window of a few in flight, started over from the first missing one when nothing moves. It begins while the
 * checkpoint is being taken, and how many chunks there are is known at the end only.
 */
final class ChunkFlow {
  private final int windowChunks;
  private int chunkCount;
  private boolean whole;
  private int acknowledged;
  private int next;

  ChunkFlow(int windowChunks) {
    this.windowChunks = windowChunks;
  }

  /** So many chunks are there for good. */
  void grow(int chunks) {
    chunkCount = Math.max(chunkCount, chunks);
  }

  /** The checkpoint is taken, and has so many chunks. */
  void end(int chunks) {
    if (chunks < chunkCount) {
      throw new IllegalStateException(
          "a checkpoint of " + chunks + " chunks, of which there were " + chunkCount);
    }
    chunkCount = chunks;
    whole = true;
  }

  /** The backup has the first {@code chunks} chunks; true if that is news. */
  boolean acknowledge(int chunks) {
    if (chunks > chunkCount) {
      throw new IllegalStateException(
          "backup acknowledges " + chunks + " of " + chunkCount + " chunks");
    }
    if (chunks <= acknowledged) {
      return false;
    }
    acknowledged = chunks;
    next = Math.max(next, chunks);
    return true;
  }

  /** The next chunk to send, or -1 while the window is full or all that are there are sent. */
  int take() {
    return next < chunkCount && next - acknowledged < windowChunks ? next++ : -1;
  }

  /** How many there are so far. */
  int count() {
    return chunkCount;
  }

  /** How many the backup has, of the first ones. */
  int acknowledged() {
    return acknowledged;
  }

  /** Whether the backup lacks something that it could have. */
  boolean isBehind() {
    return acknowledged < chunkCount;
  }

  void rewind() {
    next = acknowledged;
  }

  /** Whether the backup has all of the checkpoint. */
  boolean complete() {
    return whole && acknowledged == chunkCount;
  }
}
