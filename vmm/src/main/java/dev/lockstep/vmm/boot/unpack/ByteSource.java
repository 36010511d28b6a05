package dev.lockstep.vmm.boot.unpack;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Objects;

/** Bytes of known size that can be read at any position. */
public interface ByteSource {
  /** How many bytes there are. */
  long size();

  /**
   * Reads {@code length} bytes from position {@code at} on.
   *
   * @throws EOFException if there are not as many
   */
  void read(long at, byte[] into, int from, int length) throws IOException;

  /** The bytes of an array. */
  static ByteSource of(byte[] bytes) {
    return new ByteSource() {
      @Override
      public long size() {
        return bytes.length;
      }

      @Override
      public void read(long at, byte[] into, int from, int length) throws IOException {
        requireInside(this, at, length);
        System.arraycopy(bytes, (int) at, into, from, length);
      }
    };
  }

  /** The bytes of an open file; its size is taken now. */
  static ByteSource of(FileChannel file) throws IOException {
    long size = file.size();
    return new ByteSource() {
      @Override
      public long size() {
        return size;
      }

      @Override
      public void read(long at, byte[] into, int from, int length) throws IOException {
        requireInside(this, at, length);
        ByteBuffer buffer = ByteBuffer.wrap(into, from, length);
        while (buffer.hasRemaining()) {
          if (file.read(buffer, at + (length - buffer.remaining())) < 0) {
            throw new EOFException("the file became shorter while it was read");
          }
        }
      }
    };
  }

  /** Part of this source, as a source. */
  default ByteSource slice(long start, long length) {
    Objects.checkFromIndexSize(start, length, size());
    ByteSource whole = this;
    return new ByteSource() {
      @Override
      public long size() {
        return length;
      }

      @Override
      public void read(long at, byte[] into, int from, int count) throws IOException {
        requireInside(this, at, count);
        whole.read(start + at, into, from, count);
      }
    };
  }

  /** Up to {@code length} bytes from {@code at} on; fewer where the source ends. */
  default byte[] peek(long at, int length) throws IOException {
    byte[] bytes = new byte[Math.clamp(size() - at, 0, length)];
    read(at, bytes, 0, bytes.length);
    return bytes;
  }

  /**
   * For implementations: refuses what does not lie inside.
   *
   * @throws EOFException if it does not
   */
  static void requireInside(ByteSource source, long at, long length) throws EOFException {
    if (at < 0 || length < 0 || at > source.size() - length) {
      throw new EOFException("%d bytes at %d of %d".formatted(length, at, source.size()));
    }
  }
}
