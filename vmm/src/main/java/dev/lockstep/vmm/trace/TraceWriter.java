package dev.lockstep.vmm.trace;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32C;

/** Writes a trace file; its form is told in the package's description. One thread. */
public final class TraceWriter implements AutoCloseable {
  static final long MAGIC = 0x4c53_5452_4143_450aL;
  static final long END_MAGIC = 0x4c53_5452_454e_440aL;
  static final int VERSION = 1;
  static final int HEADER = 'H';
  static final int BLOCK = 'B';
  static final int INDEX = 'I';

  /** What a section has besides its payload: kind, length, checksum. */
  static final int FRAME_BYTES = 1 + Integer.BYTES + Integer.BYTES;

  static final int TRAILER_BYTES = 2 * Long.BYTES;

  private final Path file;
  private final FileChannel channel;
  private final List<Long> offsets = new ArrayList<>();
  private final List<BlockSummary> summaries = new ArrayList<>();
  private long bytesWritten;
  private boolean closed;

  /**
   * Begins a file.
   *
   * @param file must not be there
   * @throws VmmException if it is, or cannot be written
   */
  public TraceWriter(Path file, TraceHeader header) {
    this.file = file;
    try {
      this.channel =
          FileChannel.open(
              file,
              Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    } catch (FileAlreadyExistsException e) {
      throw new VmmException(
          "the trace file '%s' is there already".formatted(file), "Name a new file.", e);
    } catch (IOException e) {
      throw unwritable(e);
    }
    write(ByteBuffer.allocate(Long.BYTES + Integer.BYTES).putLong(MAGIC).putInt(VERSION).flip());
    section(HEADER, header.encode());
  }

  /** Bytes in the file. */
  public long bytesWritten() {
    return bytesWritten;
  }

  void block(BlockSummary summary, byte[] columns) {
    offsets.add(bytesWritten);
    summaries.add(summary);
    ByteBuffer payload = ByteBuffer.allocate(BlockSummary.BYTES + columns.length);
    summary.write(payload);
    section(BLOCK, payload.put(columns).array());
  }

  /**
   * Writes the index. Without it a file is read as a torn one.
   *
   * @throws VmmException if it cannot be written
   */
  void finish() {
    long at = bytesWritten;
    ByteBuffer index =
        ByteBuffer.allocate(Integer.BYTES + summaries.size() * (Long.BYTES + BlockSummary.BYTES));
    index.putInt(summaries.size());
    for (int i = 0; i < summaries.size(); i++) {
      index.putLong(offsets.get(i));
      summaries.get(i).write(index);
    }
    section(INDEX, index.array());
    write(ByteBuffer.allocate(TRAILER_BYTES).putLong(at).putLong(END_MAGIC).flip());
    try {
      channel.force(true);
    } catch (IOException e) {
      throw unwritable(e);
    }
  }

  private void section(int kind, byte[] payload) {
    ByteBuffer section = ByteBuffer.allocate(FRAME_BYTES + payload.length);
    section.put((byte) kind).putInt(payload.length).put(payload);
    section.putInt(checksum(section.array(), section.position()));
    write(section.flip());
  }

  static int checksum(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return (int) crc.getValue();
  }

  private void write(ByteBuffer bytes) {
    try {
      while (bytes.hasRemaining()) {
        bytesWritten += channel.write(bytes);
      }
    } catch (IOException e) {
      throw unwritable(e);
    }
  }

  private VmmException unwritable(IOException e) {
    return new VmmException(
        "the trace file '%s' cannot be written: %s".formatted(file, e.getMessage()),
        "Name a file in a folder that is there, on a file system with room for it.",
        e);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      channel.close();
    } catch (IOException e) {
      throw unwritable(e);
    }
  }
}
