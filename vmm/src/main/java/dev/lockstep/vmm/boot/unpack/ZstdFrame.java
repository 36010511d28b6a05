package dev.lockstep.vmm.boot.unpack;

import com.github.luben.zstd.ZstdIOException;
import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;

/** One Zstandard frame (RFC 8878): where it ends, by walking its blocks, and its unpacked content. */
final class ZstdFrame {
  private static final int MAGIC = 0xfd2fb528;

  private static final int BLOCK_RLE = 1;
  private static final int BLOCK_RESERVED = 3;

  private ZstdFrame() {}

  /** Leaves the input behind the frame at once; the content is unpacked as it is read. */
  static InputStream open(SourceInput input) throws IOException {
    long start = input.position();
    skip(input);
    ByteSource frame = input.source().slice(start, input.position() - start);
    return new ZstdInputStreamNoFinalizer(new SourceInput(frame)) {
      @Override
      public synchronized int read(byte[] into, int from, int length) throws IOException {
        try {
          return super.read(into, from, length);
        } catch (ZstdIOException e) {
          throw new IOException("the zstd data is damaged: " + e.getMessage(), e);
        }
      }
    };
  }

  private static void skip(SourceInput input) throws IOException {
    if (input.readLittle32() != MAGIC) {
      throw new IOException("no zstd frame");
    }
    int descriptor = input.requireByte();
    boolean singleSegment = (descriptor & 0x20) != 0;
    boolean checksum = (descriptor & 0x04) != 0;
    if ((descriptor & 0x08) != 0) {
      throw new IOException("the zstd frame has a reserved flag set");
    }
    int dictionaryId = new int[] {0, 1, 2, 4}[descriptor & 3];
    int contentSize = new int[] {singleSegment ? 1 : 0, 2, 4, 8}[descriptor >>> 6];
    input.skipExactly((singleSegment ? 0 : 1) + dictionaryId + contentSize);
    boolean last;
    do {
      int header = input.readLittle16() | input.requireByte() << 16;
      last = (header & 1) != 0;
      int type = header >>> 1 & 3;
      if (type == BLOCK_RESERVED) {
        throw new IOException("a zstd block is of a reserved type");
      }
      input.skipExactly(type == BLOCK_RLE ? 1 : header >>> 3);
    } while (!last);
    if (checksum) {
      input.skipExactly(4);
    }
    if (input.position() > input.source().size()) {
      throw new EOFException("the zstd frame ends early");
    }
  }
}
