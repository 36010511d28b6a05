package dev.lockstep.vmm.boot.unpack;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Objects;

/** A source as a buffered stream whose position can be read and set. */
public final class SourceInput extends InputStream {
  private static final int BUFFER = 1 << 16;

  private final ByteSource source;
  private final byte[] buffer = new byte[BUFFER];
  private long bufferStart;
  private int bufferLength;
  private long position;

  /** Begins at the source's first byte. */
  public SourceInput(ByteSource source) {
    this.source = source;
  }

  /** What is read. */
  public ByteSource source() {
    return source;
  }

  /** Where the next byte comes from. */
  public long position() {
    return position;
  }

  /** Goes on from there. */
  public void seek(long position) {
    Objects.checkIndex(position, source.size() + 1);
    this.position = position;
  }

  /** Bytes up to the end. */
  public long remaining() {
    return source.size() - position;
  }

  @Override
  public int read() throws IOException {
    long within = position - bufferStart;
    if (within < 0 || within >= bufferLength) {
      if (remaining() == 0) {
        return -1;
      }
      fill();
      within = 0;
    }
    position++;
    return buffer[(int) within] & 0xff;
  }

  @Override
  public int read(byte[] into, int from, int length) throws IOException {
    Objects.checkFromIndexSize(from, length, into.length);
    if (length == 0) {
      return 0;
    }
    if (remaining() == 0) {
      return -1;
    }
    int count = (int) Math.min(length, remaining());
    source.read(position, into, from, count);
    position += count;
    return count;
  }

  @Override
  public long skip(long count) {
    long skipped = Math.clamp(count, 0, remaining());
    position += skipped;
    return skipped;
  }

  @Override
  public int available() {
    return (int) Math.min(remaining(), Integer.MAX_VALUE);
  }

  /** Skips exactly as many bytes. */
  void skipExactly(long count) throws EOFException {
    if (skip(count) != count) {
      throw new EOFException("the data ends early");
    }
  }

  /** The next byte, which must be there. */
  int requireByte() throws IOException {
    int value = read();
    if (value < 0) {
      throw new EOFException("the data ends early");
    }
    return value;
  }

  /** The next 16 bits, least significant byte first. */
  int readLittle16() throws IOException {
    return requireByte() | requireByte() << 8;
  }

  /** The next 32 bits, least significant byte first. */
  int readLittle32() throws IOException {
    return readLittle16() | readLittle16() << 16;
  }

  /** The next 32 bits, most significant byte first. */
  int readBig32() throws IOException {
    return Integer.reverseBytes(readLittle32());
  }

  /** Fills the array or says that the data ends early. */
  void readExactly(byte[] into, int from, int length) throws IOException {
    if (length > remaining()) {
      throw new EOFException("the data ends early");
    }
    source.read(position, into, from, length);
    position += length;
  }

  private void fill() throws IOException {
    int count = (int) Math.min(BUFFER, remaining());
    source.read(position, buffer, 0, count);
    bufferStart = position;
    bufferLength = count;
  }
}
