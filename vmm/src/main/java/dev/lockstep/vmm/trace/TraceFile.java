package dev.lockstep.vmm.trace;

import dev.lockstep.engine.VmmException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A trace file, to be read. One thread. */
public final class TraceFile implements AutoCloseable {
  private static final int HEAD_BYTES = 1 + Integer.BYTES;
  private static final int MAX_SECTION = 1 << 30;

  private final Path file;
  private final FileChannel channel;
  private final long size;
  private final TraceHeader header;
  private final List<Long> offsets = new ArrayList<>();
  private final List<BlockSummary> blocks = new ArrayList<>();
  private @Nullable String damage;

  /**
   * Opens one. If it has no index, its blocks are looked for one by one up to where the file is good; see {@link #damage}.
   *
   * @throws VmmException if it cannot be read, is no trace file, or one of another version
   */
  @SuppressWarnings("MustBeClosedChecker") // closed where it cannot be read, else by close
  public TraceFile(Path file) {
    this.file = file;
    try {
      this.channel = FileChannel.open(file, StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      throw new VmmException(
          "there is no trace file '%s'".formatted(file),
          "Name a file that 'lockstep trace collect' wrote.",
          e);
    } catch (IOException e) {
      throw unreadable(e);
    }
    try {
      this.size = channel.size();
      this.header = begin();
      if (!readIndex()) {
        scan();
      }
    } catch (IOException | RuntimeException e) {
      closeAfter(e);
      throw e instanceof IOException it ? unreadable(it) : (RuntimeException) e;
    }
  }

  /** What it is a trace of. */
  public TraceHeader header() {
    return header;
  }

  /** Its blocks, in order. */
  public List<BlockSummary> blocks() {
    return List.copyOf(blocks);
  }

  /** Bytes of the file. */
  public long bytes() {
    return size;
  }

  /** What is wrong with it: where it is torn; null if it is whole. */
  public @Nullable String damage() {
    return damage;
  }

  /**
   * Reads the records of some blocks, in order, of the kinds that were wanted; with them {@link TraceRecord.Resumed} and {@link TraceRecord.Left}.
   *
   * @param first index of the first block
   * @param end index after the last one
   * @throws VmmException if one is damaged; what comes before the damage was given
   */
  public void read(int first, int end, Consumer<TraceRecord> records) {
    RecordBuilder builder = new RecordBuilder(header.kinds(), records);
    List<TraceCode> codes = new ArrayList<>();
    int index = 0;
    try {
      for (; index < end; index++) {
        ByteBuffer columns = block(index);
        int defined = codes.size();
        TraceDecoder.readCode(columns, codes);
        if (index >= first) {
          new TraceDecoder(columns, header, codes, defined, builder).run();
        }
      }
      builder.finish();
    } catch (IOException e) {
      throw new VmmException(
          "the trace file '%s' is damaged in block %d: %s".formatted(file, index, e.getMessage()),
          "Collect the trace again; the event log it is of still has everything.",
          e);
    }
  }

  /** Reads all of it. */
  public void read(Consumer<TraceRecord> records) {
    read(0, blocks.size(), records);
  }

  private ByteBuffer block(int index) throws IOException {
    ByteBuffer section = section(offsets.get(index), TraceWriter.BLOCK);
    if (!BlockSummary.read(section).equals(blocks.get(index))) {
      throw new TraceFormatException("the index says something else of it");
    }
    return section;
  }

  // ---------------------------------------------------------------- form

  private TraceHeader begin() throws IOException {
    if (size < Long.BYTES + Integer.BYTES) {
      throw new TraceFormatException("it is no trace file");
    }
    ByteBuffer head = bytes(0, Long.BYTES + Integer.BYTES);
    if (head.getLong() != TraceWriter.MAGIC) {
      throw new TraceFormatException("it is no trace file");
    }
    int version = head.getInt();
    if (version != TraceWriter.VERSION) {
      throw new TraceFormatException(
          "it has version %d of the format, and only %d can be read"
              .formatted(version, TraceWriter.VERSION));
    }
    ByteBuffer payload = section(Long.BYTES + Integer.BYTES, TraceWriter.HEADER);
    if (payload.remaining() > TraceHeader.MAX_BYTES) {
      throw new TraceFormatException("a header of %d bytes".formatted(payload.remaining()));
    }
    byte[] encoded = new byte[payload.remaining()];
    payload.get(encoded);
    try {
      return TraceHeader.decode(encoded);
    } catch (EOFException e) {
      throw new TraceFormatException("its header ends too early");
    }
  }

  private boolean readIndex() throws IOException {
    if (size < TraceWriter.TRAILER_BYTES) {
      return false;
    }
    ByteBuffer trailer = bytes(size - TraceWriter.TRAILER_BYTES, TraceWriter.TRAILER_BYTES);
    long at = trailer.getLong();
    if (trailer.getLong() != TraceWriter.END_MAGIC) {
      return false;
    }
    ByteBuffer index = section(at, TraceWriter.INDEX);
    int count = index.remaining() < Integer.BYTES ? -1 : index.getInt();
    if (count < 0 || index.remaining() != (long) count * (Long.BYTES + BlockSummary.BYTES)) {
      throw new TraceFormatException("an index of %d blocks that does not fit".formatted(count));
    }
    for (int i = 0; i < count; i++) {
      offsets.add(index.getLong());
      blocks.add(BlockSummary.read(index));
    }
    return true;
  }

  /** Finds blocks without an index. */
  private void scan() throws IOException {
    long at = Long.BYTES + Integer.BYTES;
    at += TraceWriter.FRAME_BYTES + section(at, TraceWriter.HEADER).remaining();
    try {
      while (at < size && bytes(at, 1).get() == TraceWriter.BLOCK) {
        ByteBuffer payload = section(at, TraceWriter.BLOCK);
        int length = payload.remaining();
        blocks.add(BlockSummary.read(payload));
        offsets.add(at);
        at += TraceWriter.FRAME_BYTES + length;
      }
      damage = "it ends without an index, after %d whole blocks".formatted(blocks.size());
    } catch (TraceFormatException e) {
      damage = "it is torn after %d whole blocks: %s".formatted(blocks.size(), e.getMessage());
    }
  }

  /** A section's payload, checked. */
  private ByteBuffer section(long at, int kind) throws IOException {
    ByteBuffer head = bytes(at, HEAD_BYTES);
    int found = head.get() & 0xff;
    int length = head.getInt();
    if (found != kind || length < 0 || length > MAX_SECTION) {
      throw new TraceFormatException("no section of kind %c at offset %d".formatted(kind, at));
    }
    ByteBuffer whole = bytes(at, HEAD_BYTES + length + Integer.BYTES);
    int checksum = whole.getInt(HEAD_BYTES + length);
    if (checksum != TraceWriter.checksum(whole.array(), HEAD_BYTES + length)) {
      throw new TraceFormatException("the section at offset %d has a wrong checksum".formatted(at));
    }
    return whole.position(HEAD_BYTES).limit(HEAD_BYTES + length).slice();
  }

  private ByteBuffer bytes(long at, int count) throws IOException {
    if (at < 0 || count > size - at) {
      throw new TraceFormatException(
          "it ends within the %d bytes at offset %d".formatted(count, at));
    }
    ByteBuffer buffer = ByteBuffer.allocate(count);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, at + buffer.position()) < 0) {
        throw new TraceFormatException("it became shorter while it was read");
      }
    }
    return buffer.flip();
  }

  private VmmException unreadable(IOException e) {
    return new VmmException(
        "the trace file '%s' cannot be read: %s".formatted(file, e.getMessage()),
        "Name a file that 'lockstep trace collect' wrote.",
        e);
  }

  private void closeAfter(Throwable failure) {
    try {
      channel.close();
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw unreadable(e);
    }
  }
}
