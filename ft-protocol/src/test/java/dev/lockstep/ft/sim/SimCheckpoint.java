package dev.lockstep.ft.sim;

import dev.lockstep.ft.core.Payload;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A checkpoint of a primary's guest, in chunks. What is there before it is whole is filling that says whose it is, and what comes behind it is the guest's
 * state, with how long the filling was at the end: so a backup can tell whether it has staged all of one checkpoint and nothing of another.
 */
final class SimCheckpoint {
  private static final int CHUNK_BYTES = 16;

  private final long epoch;
  private final int round;
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  SimCheckpoint(long epoch, int round) {
    this.epoch = epoch;
    this.round = round;
  }

  void grow(int chunks) {
    for (int i = 0; i < chunks; i++) {
      bytes.writeBytes(filling(epoch, round, chunkCount()));
    }
  }

  void end(byte[] state) {
    int filled = bytes.size();
    bytes.writeBytes(state);
    bytes.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(filled).array());
  }

  int chunkCount() {
    return (bytes.size() + CHUNK_BYTES - 1) / CHUNK_BYTES;
  }

  Payload chunk(int index) {
    int from = index * CHUNK_BYTES;
    return Payload.of(
        Arrays.copyOfRange(bytes.toByteArray(), from, Math.min(bytes.size(), from + CHUNK_BYTES)));
  }

  /** The guest's state in what was staged of that checkpoint; null if it is not that checkpoint, whole. */
  static byte @Nullable [] state(byte[] staged, long epoch, int round) {
    int end = staged.length - Integer.BYTES;
    int filled = end < 0 ? -1 : ByteBuffer.wrap(staged).getInt(end);
    if (filled < 0 || filled > end || filled % CHUNK_BYTES != 0) {
      return null;
    }
    for (int at = 0; at < filled; at += CHUNK_BYTES) {
      byte[] chunk = Arrays.copyOfRange(staged, at, at + CHUNK_BYTES);
      if (!Arrays.equals(chunk, filling(epoch, round, at / CHUNK_BYTES))) {
        return null;
      }
    }
    return Arrays.copyOfRange(staged, filled, end);
  }

  private static byte[] filling(long epoch, int round, int index) {
    return ByteBuffer.allocate(CHUNK_BYTES).putLong(epoch).putInt(round).putInt(index).array();
  }
}
