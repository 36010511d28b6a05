package dev.lockstep.vmm.trace;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/** The columns of the block that is being written, and their form in the file: for each, its size and its compressed size, u32; then each compressed. */
final class BlockColumns {
  /** In the file's order. */
  enum Name {
    /** Definitions of code. */
    CODE,
    /** The order of executed code, see {@link TraceEncoder}. */
    FLOW,
    /** Everything rare. */
    EVENTS,
    /** Which accesses groups make. */
    SHAPES,
    /** How addresses are told. */
    ADDRESS_TOKENS,
    /** Addresses that nothing guessed. */
    ADDRESSES,
    /** Physical pages that nothing guessed. */
    PAGES,
    /** How values are told. */
    VALUE_TOKENS,
    /** Values that nothing guessed. */
    VALUES
  }

  /** No column of a block may be longer. */
  static final int MAX_BYTES = 1 << 28;

  /** What zstd can make of one byte at most: a block of one repeated byte has four bytes and stands for 128 KiB (RFC 8878, sections 3.1.1.2.2 and 3.1.1.2.3). */
  private static final int MAX_RATIO = (128 << 10) / 4;

  private static final int LEVEL = 1;
  private static final Name[] NAMES = Name.values();

  private final ColumnWriter[] columns = new ColumnWriter[NAMES.length];

  BlockColumns() {
    for (int i = 0; i < columns.length; i++) {
      columns[i] = new ColumnWriter();
    }
  }

  ColumnWriter of(Name name) {
    return columns[name.ordinal()];
  }

  /** Bytes of all columns. */
  int size() {
    int size = 0;
    for (ColumnWriter column : columns) {
      size += column.size();
    }
    return size;
  }

  /** All columns in the file's form; they are empty then. */
  byte[] pack() {
    ByteBuffer sizes = ByteBuffer.allocate(2 * Integer.BYTES * columns.length);
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (ColumnWriter column : columns) {
      byte[] packed = new byte[(int) Zstd.compressBound(column.size())];
      long length =
          Zstd.compressByteArray(packed, 0, packed.length, column.bytes(), 0, column.size(), LEVEL);
      if (Zstd.isError(length)) {
        throw new IllegalStateException("zstd: " + Zstd.getErrorName(length));
      }
      sizes.putInt(column.size()).putInt((int) length);
      all.write(packed, 0, (int) length);
      column.clear();
    }
    return ByteBuffer.allocate(sizes.capacity() + all.size())
        .put(sizes.array())
        .put(all.toByteArray())
        .array();
  }

  /**
   * One column out of their form in the file.
   *
   * @param block positioned where the sizes begin; not moved
   */
  static ColumnReader unpack(ByteBuffer block, Name name) throws TraceFormatException {
    int start = block.position();
    long offset = start + 2L * Integer.BYTES * NAMES.length;
    if (offset > block.limit()) {
      throw new TraceFormatException("a block without columns");
    }
    for (int i = 0; i < name.ordinal(); i++) {
      offset += block.getInt(start + 2 * Integer.BYTES * i + Integer.BYTES) & 0xffff_ffffL;
    }
    int at = start + 2 * Integer.BYTES * name.ordinal();
    int size = block.getInt(at);
    int packed = block.getInt(at + Integer.BYTES);
    if (size < 0 || size > MAX_BYTES || packed < 0 || offset + packed > block.limit()) {
      throw new TraceFormatException("column %s does not fit its block".formatted(name));
    }
    byte[] bytes = new byte[packed];
    block.get((int) offset, bytes);
    // Before there is memory for them: a few bytes can claim to be all that a column may be.
    if (size > (long) packed * MAX_RATIO || Zstd.getFrameContentSize(bytes) != size) {
      throw new TraceFormatException(
          "column %s of %d bytes cannot be in %d".formatted(name, size, packed));
    }
    try {
      byte[] whole = Zstd.decompress(bytes, size);
      if (whole.length != size) {
        throw new TraceFormatException("column %s is shorter than it says".formatted(name));
      }
      return new ColumnReader(whole);
    } catch (ZstdException e) {
      throw new TraceFormatException("column %s: %s".formatted(name, e.getMessage()));
    }
  }
}
