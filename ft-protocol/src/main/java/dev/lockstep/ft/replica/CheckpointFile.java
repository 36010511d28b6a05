package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.ft.wire.ProtocolVersions;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;

/**
 * A checkpoint on its way, in a file of its own with mode 0600: it holds guest secrets. Sent and received in chunks of one size. Behind the machine's checkpoint
 * come the {@linkplain StreamPiece last outputs}, and once more those of them that are held. Where the machine stands ({@link Stand}) is known at the end, and is
 * there at one end of the file or the other, as the {@link Layout} says.
 */
final class CheckpointFile implements AutoCloseable {
  static final int CHUNK_BYTES = 256 << 10;
  private static final int BUFFER_BYTES = 1 << 20;

  private static final int STAND_BYTES = 4 * Long.BYTES;

  /** Where in a file it is said where the machine stands. */
  enum Layout {
    /** At its beginning, written last: nothing of the file can be sent before it is whole. */
    STAND_FIRST,
    /** At its end. */
    STAND_LAST;

    /** What two replicas that speak this version of the protocol send to each other. */
    static Layout of(int protocolVersion) {
      return protocolVersion >= ProtocolVersions.FLOWING_CHECKPOINTS ? STAND_LAST : STAND_FIRST;
    }

    private int machineAt() {
      return this == STAND_FIRST ? STAND_BYTES : 0;
    }
  }

  /**
   * Where a machine stood when its checkpoint was taken.
   *
   * @param nextSequence the machine's number of the next log entry
   * @param outputsAt where in the file the outputs are
   * @param position where the machine stands
   */
  record Stand(long nextSequence, long outputsAt, Position position) {}

  /**
   * The last outputs before a checkpoint.
   *
   * @param tail the last ones, whether they had left or not
   * @param held those that had not left
   */
  record Outputs(List<StreamPiece> tail, List<StreamPiece> held) {}

  private final Path path;
  private final FileChannel channel;
  private final Layout layout;

  private CheckpointFile(Path path, FileChannel channel, Layout layout) {
    this.path = path;
    this.channel = channel;
    this.layout = layout;
  }

  /** A new, empty one. */
  static CheckpointFile create(Path folder, Layout layout) throws IOException {
    Files.createDirectories(
        folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Path path =
        Files.createTempFile(
            folder,
            "checkpoint-",
            ".tmp",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    return new CheckpointFile(
        path,
        FileChannel.open(path, Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE)),
        layout);
  }

  /** Another channel, for whoever writes the machine's checkpoint and the outputs, and at last {@linkplain #writeStand where it stands}. */
  FileChannel openForWriting() throws IOException {
    FileChannel writing = FileChannel.open(path, StandardOpenOption.WRITE);
    writing.position(layout.machineAt());
    return writing;
  }

  /** Says where the machine stands, and so ends the file. */
  void writeStand(FileChannel writing, Stand stand) throws IOException {
    ByteBuffer said =
        ByteBuffer.allocate(STAND_BYTES)
            .putLong(stand.nextSequence())
            .putLong(stand.outputsAt())
            .putLong(stand.position().branchCount())
            .putLong(stand.position().haltedNanos())
            .flip();
    long at = layout == Layout.STAND_FIRST ? 0 : writing.size();
    while (said.hasRemaining()) {
      writing.write(said, at + said.position());
    }
  }

  /** How many chunks it has now. */
  int chunkCount() throws IOException {
    return Math.toIntExact((channel.size() + CHUNK_BYTES - 1) / CHUNK_BYTES);
  }

  /** How many of its chunks will not change, however it goes on. */
  int fullChunkCount() throws IOException {
    return layout == Layout.STAND_FIRST ? 0 : Math.toIntExact(channel.size() / CHUNK_BYTES);
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

  /** Where the machine stood, of a file that is whole. */
  Stand stand() throws IOException {
    long at = layout == Layout.STAND_FIRST ? 0 : channel.size() - STAND_BYTES;
    if (at < 0) {
      throw new IOException("the checkpoint has %d bytes only".formatted(channel.size()));
    }
    try (DataInputStream in = readAt(at)) {
      return new Stand(in.readLong(), in.readLong(), new Position(in.readLong(), in.readLong()));
    }
  }

  /** The last outputs before the checkpoint, of a file that is whole. */
  Outputs outputs() throws IOException {
    long at = stand().outputsAt();
    if (at < layout.machineAt() || at > channel.size()) {
      throw new IOException("the outputs are said to be at byte %d".formatted(at));
    }
    try (DataInputStream in = readAt(at)) {
      return new Outputs(StreamPiece.read(in), StreamPiece.read(in));
    }
  }

  /** Reads the machine's checkpoint, and what is behind it. */
  DataInputStream read() throws IOException {
    return readAt(layout.machineAt());
  }

  private DataInputStream readAt(long at) throws IOException {
    FileChannel reading = FileChannel.open(path, StandardOpenOption.READ);
    reading.position(at);
    return new DataInputStream(
        new BufferedInputStream(Channels.newInputStream(reading), BUFFER_BYTES));
  }

  /** Removes the file. */
  @Override
  public void close() throws IOException {
    channel.close();
    Files.deleteIfExists(path);
  }
}
