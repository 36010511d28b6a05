package dev.lockstep.vmm.boot.unpack;

import java.io.EOFException;
import java.io.IOException;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** One member of a gzip file (RFC 1952); unlike the JDK's stream it never takes bytes behind the member. */
final class GzipInput extends UnpackingInput {
  private static final int BLOCK = 1 << 16;

  private static final int FLAG_HEADER_CRC = 1 << 1;
  private static final int FLAG_EXTRA = 1 << 2;
  private static final int FLAG_NAME = 1 << 3;
  private static final int FLAG_COMMENT = 1 << 4;
  private static final int FLAGS_RESERVED = 0xe0;

  private final SourceInput input;
  private final Inflater inflater = new Inflater(true);
  private final CRC32 crc = new CRC32();
  private final byte[] packed = new byte[BLOCK];
  private final byte[] unpacked = new byte[BLOCK];
  private boolean done;

  GzipInput(SourceInput input) throws IOException {
    this.input = input;
    if (input.readLittle16() != 0x8b1f || input.requireByte() != 8) {
      throw new IOException("no gzip header");
    }
    int flags = input.requireByte();
    if ((flags & FLAGS_RESERVED) != 0) {
      throw new IOException("the gzip header has unknown flags");
    }
    input.skipExactly(6); // time, extra flags, operating system
    if ((flags & FLAG_EXTRA) != 0) {
      input.skipExactly(input.readLittle16());
    }
    if ((flags & FLAG_NAME) != 0) {
      skipString();
    }
    if ((flags & FLAG_COMMENT) != 0) {
      skipString();
    }
    if ((flags & FLAG_HEADER_CRC) != 0) {
      input.skipExactly(2);
    }
  }

  @Override
  boolean unpack() throws IOException {
    if (done) {
      return false;
    }
    try {
      int count = 0;
      while (count == 0 && !inflater.finished()) {
        if (inflater.needsDictionary()) {
          throw new IOException("the deflated data wants a dictionary");
        }
        if (inflater.needsInput()) {
          feed();
        }
        count = inflater.inflate(unpacked);
      }
      crc.update(unpacked, 0, count);
      setBlock(unpacked, count);
      if (inflater.finished()) {
        finish();
      }
      return true;
    } catch (DataFormatException e) {
      throw new IOException("the deflated data is damaged: " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    inflater.end();
  }

  private void feed() throws IOException {
    int count = input.read(packed, 0, packed.length);
    if (count < 0) {
      throw new EOFException("the deflated data ends early");
    }
    inflater.setInput(packed, 0, count);
  }

  /** Goes back to what the inflater did not use, and holds the sums against the trailer. */
  private void finish() throws IOException {
    done = true;
    input.seek(input.position() - inflater.getRemaining());
    long size = inflater.getBytesWritten();
    inflater.end();
    if (input.readLittle32() != (int) crc.getValue()) {
      throw new IOException("the checksum of the gzip data is wrong");
    }
    if (input.readLittle32() != (int) size) {
      throw new IOException("the size in the gzip trailer is wrong");
    }
  }

  private void skipString() throws IOException {
    int value;
    do {
      value = input.requireByte();
    } while (value != 0);
  }
}
