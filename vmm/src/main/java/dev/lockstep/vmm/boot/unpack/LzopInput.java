package dev.lockstep.vmm.boot.unpack;

import java.io.IOException;
import java.util.zip.Adler32;
import java.util.zip.CRC32;
import java.util.zip.Checksum;

/** A file of lzop: a header, then blocks of LZO1X data with their sizes and checksums, all big-endian. */
final class LzopInput extends UnpackingInput {
  private static final long MAGIC = 0x894c5a4f000d0a1aL; // the ninth byte is 0x0a

  private static final int FLAG_ADLER32_UNPACKED = 1;
  private static final int FLAG_ADLER32_PACKED = 1 << 1;
  private static final int FLAG_EXTRA_FIELD = 1 << 6;
  private static final int FLAG_CRC32_UNPACKED = 1 << 8;
  private static final int FLAG_CRC32_PACKED = 1 << 9;
  private static final int FLAG_FILTER = 1 << 11;
  private static final int FLAG_HEADER_CRC32 = 1 << 12;

  /** First version whose header has the level, the version needed, and the high half of the time. */
  private static final int VERSION_LEVEL = 0x940;

  /** LZO1X-1, LZO1X-1(15) and LZO1X-999: one format. */
  private static final int MAX_METHOD = 3;

  private static final int MAX_BLOCK = 64 << 20;

  private final SourceInput input;
  private final int flags;
  private byte[] packed = {};
  private byte[] unpacked = {};

  LzopInput(SourceInput input) throws IOException {
    this.input = input;
    long magic = (long) input.readBig32() << 32 | input.readBig32() & 0xffffffffL;
    if (magic != MAGIC || input.requireByte() != 0x0a) {
      throw new IOException("no lzop header");
    }
    long start = input.position();
    int version = readBig16();
    readBig16(); // the library's version
    if (version >= VERSION_LEVEL) {
      readBig16(); // the version needed to extract
    }
    int method = input.requireByte();
    if (method < 1 || method > MAX_METHOD) {
      throw new IOException("lzop method %d is not LZO1X".formatted(method));
    }
    if (version >= VERSION_LEVEL) {
      input.requireByte(); // the level
    }
    flags = input.readBig32();
    if ((flags & (FLAG_FILTER | FLAG_EXTRA_FIELD)) != 0) {
      throw new IOException("the lzop header asks for a filter or has an extra field");
    }
    input.skipExactly(version >= VERSION_LEVEL ? 12 : 8); // mode, time
    input.skipExactly(input.requireByte()); // the file's name
    checkHeader(start);
  }

  @Override
  boolean unpack() throws IOException {
    int size = input.readBig32();
    if (size == 0) {
      return false;
    }
    int packedSize = input.readBig32();
    if (size < 0 || size > MAX_BLOCK || packedSize <= 0 || packedSize > size) {
      throw new IOException(
          "an lzop block has impossible sizes %#x and %#x".formatted(packedSize, size));
    }
    boolean stored = packedSize == size;
    int adler = (flags & FLAG_ADLER32_UNPACKED) != 0 ? input.readBig32() : 0;
    int crc = (flags & FLAG_CRC32_UNPACKED) != 0 ? input.readBig32() : 0;
    if (!stored) {
      int sums = Integer.bitCount(flags & (FLAG_ADLER32_PACKED | FLAG_CRC32_PACKED));
      input.skipExactly(4L * sums); // the unpacked data's sums tell as much
    }
    if (unpacked.length < size) {
      unpacked = new byte[size];
    }
    if (stored) {
      input.readExactly(unpacked, 0, size);
    } else {
      if (packed.length < packedSize) {
        packed = new byte[packedSize];
      }
      input.readExactly(packed, 0, packedSize);
      Lzo1x.unpack(packed, packedSize, unpacked, size);
    }
    if ((flags & FLAG_ADLER32_UNPACKED) != 0) {
      check(new Adler32(), size, adler);
    }
    if ((flags & FLAG_CRC32_UNPACKED) != 0) {
      check(new CRC32(), size, crc);
    }
    setBlock(unpacked, size);
    return true;
  }

  private void checkHeader(long start) throws IOException {
    byte[] header = input.source().peek(start, (int) (input.position() - start));
    Checksum sum = (flags & FLAG_HEADER_CRC32) != 0 ? new CRC32() : new Adler32();
    sum.update(header, 0, header.length);
    if ((int) sum.getValue() != input.readBig32()) {
      throw new IOException("the checksum of the lzop header is wrong");
    }
  }

  private void check(Checksum sum, int size, int expected) throws IOException {
    sum.update(unpacked, 0, size);
    if ((int) sum.getValue() != expected) {
      throw new IOException("the checksum of an lzop block is wrong");
    }
  }

  private int readBig16() throws IOException {
    return input.requireByte() << 8 | input.requireByte();
  }
}
