package dev.lockstep.ft.replica;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A piece of an output stream. The last ones go with a checkpoint: a consumer that is behind when a backup joins can read on at that backup after a failover.
 *
 * @param stream index of the device in the log's header
 * @param offset of the first byte
 * @param bytes not to be changed
 */
@SuppressWarnings("ArrayRecordComponent")
record StreamPiece(int stream, long offset, byte[] bytes) {
  private static final int MAX_PIECES = 1 << 20;
  private static final int MAX_BYTES = 64 << 20;

  /** Writes pieces, as {@link #read} takes them. */
  static void write(List<StreamPiece> pieces, DataOutputStream out) throws IOException {
    out.writeInt(pieces.size());
    for (StreamPiece piece : pieces) {
      out.writeInt(piece.stream);
      out.writeLong(piece.offset);
      out.writeInt(piece.bytes.length);
      out.write(piece.bytes);
    }
  }

  /**
   * Reads pieces.
   *
   * @throws IOException if they are damaged
   */
  static List<StreamPiece> read(DataInputStream in) throws IOException {
    int count = in.readInt();
    if (count < 0 || count > MAX_PIECES) {
      throw new IOException("%d pieces of output streams".formatted(count));
    }
    List<StreamPiece> pieces = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int stream = in.readInt();
      long offset = in.readLong();
      int length = in.readInt();
      if (length < 0 || length > MAX_BYTES) {
        throw new IOException("a piece of %d bytes of an output stream".formatted(length));
      }
      byte[] bytes = in.readNBytes(length);
      if (bytes.length < length) {
        throw new IOException("the pieces of output streams end early");
      }
      pieces.add(new StreamPiece(stream, offset, bytes));
    }
    return pieces;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof StreamPiece that
        && stream == that.stream
        && offset == that.offset
        && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * stream + Long.hashCode(offset)) + Arrays.hashCode(bytes);
  }
}
