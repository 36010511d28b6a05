package dev.lockstep.ft.core;

/** Which chunks of one checkpoint are to be sent: a window of a few in flight, started over from the first missing one when nothing moves. */
final class ChunkFlow {
  private final int chunkCount;
  private final int windowChunks;
  private int acknowledged;
  private int next;

  ChunkFlow(int chunkCount, int windowChunks) {
    this.chunkCount = chunkCount;
    this.windowChunks = windowChunks;
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

  /** The next chunk to send, or -1 while the window is full or all are sent. */
  int take() {
    return next < chunkCount && next - acknowledged < windowChunks ? next++ : -1;
  }

  int count() {
    return chunkCount;
  }

  void rewind() {
    next = acknowledged;
  }

  boolean complete() {
    return acknowledged == chunkCount;
  }
}
