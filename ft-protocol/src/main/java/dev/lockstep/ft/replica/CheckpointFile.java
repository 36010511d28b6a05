package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.Payload;
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
 * A checkpoint on its way, in a file of its own with mode 0600: it holds guest secrets. Sent and received in chunks of one size. It begins with two longs,
 * the machine's number of the next log entry and where in the file the {@linkplain StreamPiece last outputs} are; the machine's checkpoint is between.
 */
final class CheckpointFile implements AutoCloseable {
  private static final int CHUNK_BYTES = 256 << 10;

  /** How long the preface is. */
  static final int PREFACE_BYTES = 2 * Long.BYTES;

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
  static ByteBuffer preface(long nextSequence, long outputsAt) {
    return ByteBuffer.allocate(PREFACE_BYTES).putLong(nextSequence).putLong(outputsAt).flip();
  }

  /**
   * The last outputs before the checkpoint.
   *
   * @param at where they are, as the preface says
   */
  List<StreamPiece> outputs(long at) throws IOException {
    if (at < PREFACE_BYTES || at > channel.size()) {
      throw new IOException("the outputs are said to be at byte %d".formatted(at));
    }
    try (DataInputStream in = read()) {
      in.skipNBytes(at);
      return StreamPiece.read(in);
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
