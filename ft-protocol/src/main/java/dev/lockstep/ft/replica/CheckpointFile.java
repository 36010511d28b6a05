package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;

/**
 * A checkpoint on its way, in a file of its own with mode 0600: it holds guest secrets. Sent and received in chunks of one size. It begins with where the
 * machine stands ({@link Preface}); behind the machine's checkpoint come the {@linkplain StreamPiece last outputs}, and once more those of them that are held.
 */
final class CheckpointFile implements AutoCloseable {
  private static final int CHUNK_BYTES = 256 << 10;

  /** How long the preface is. */
  static final int PREFACE_BYTES = 4 * Long.BYTES;

  /**
   * What a file begins with.
   *
   * @param nextSequence the machine's number of the next log entry
   * @param outputsAt where in the file the outputs are
   * @param position where the machine stands
   */
  record Preface(long nextSequence, long outputsAt, Position position) {}

  /**
   * The last outputs before a checkpoint.
   *
   * @param tail the last ones, whether they had left or not
   * @param held those that had not left
   */
  record Outputs(List<StreamPiece> tail, List<StreamPiece> held) {}

  private final Path path;
  private final FileChannel channel;

  private CheckpointFile(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /** A new, empty one. */
  static CheckpointFile create(Path folder) throws IOException {
    Files.createDirectories(
        folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Path path =
        Files.createTempFile(
            folder,
            "checkpoint-",
            ".tmp",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    return new CheckpointFile(
        path, FileChannel.open(path, Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE)));
  }

  /** Another channel, for whoever writes it in one go. */
  FileChannel openForWriting() throws IOException {
    return FileChannel.open(path, StandardOpenOption.WRITE);
  }

  /** How many chunks it has now. */
  int chunkCount() throws IOException {
    return Math.toIntExact((channel.size() + CHUNK_BYTES - 1) / CHUNK_BYTES);
  }

  /** One chunk. */
  Payload chunk(int index) throws IOException {
    long from = (long) index * CHUNK_BYTES;
    byte[] bytes = new byte[(int) Math.min(CHUNK_BYTES, channel.size() - from)];
    ByteBuffer into = ByteBuffer.wrap(bytes);
    while (into.hasRemaining()) {
      if (channel.read(into, from + into.position()) < 0) {
        throw new IOException("the checkpoint ends within chunk " + index);
      }
    }
    return Payload.of(bytes);
  }

  /** The next chunk of a checkpoint that is received. */
  void append(Payload chunk) throws IOException {
    ByteBuffer from = ByteBuffer.wrap(chunk.bytes());
    while (from.hasRemaining()) {
      channel.write(from, channel.size());
    }
  }

  /** What a file begins with. */
  static ByteBuffer preface(long nextSequence, long outputsAt, Position position) {
    return ByteBuffer.allocate(PREFACE_BYTES)
        .putLong(nextSequence)
        .putLong(outputsAt)
        .putLong(position.branchCount())
        .putLong(position.haltedNanos())
        .flip();
  }

  /** Reads what a file begins with. */
  static Preface preface(DataInputStream in) throws IOException {
    return new Preface(in.readLong(), in.readLong(), new Position(in.readLong(), in.readLong()));
  }

  /**
   * The last outputs before the checkpoint.
   *
   * @param at where they are, as the preface says
   */
  Outputs outputs(long at) throws IOException {
    if (at < PREFACE_BYTES || at > channel.size()) {
      throw new IOException("the outputs are said to be at byte %d".formatted(at));
    }
    try (DataInputStream in = read()) {
      in.skipNBytes(at);
      return new Outputs(StreamPiece.read(in), StreamPiece.read(in));
    }
  }

  /** Reads from its start. */
  DataInputStream read() throws IOException {
    return new DataInputStream(new BufferedInputStream(Files.newInputStream(path), 1 << 20));
  }

  /** Removes the file. */
  @Override
  public void close() throws IOException {
    channel.close();
    Files.deleteIfExists(path);
  }
}
