package dev.lockstep.vmm.boot.unpack;

import java.io.IOException;
import net.jpountz.lz4.LZ4Exception;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.lz4.LZ4SafeDecompressor;

/**
 * LZ4's legacy frame: the magic, then blocks, each a 32-bit length and packed data that unpacks to at most
 * 8 MiB. It has no end mark and no checksum: it ends with its source, or at a length of zero (padding).
 */
final class Lz4LegacyInput extends UnpackingInput {
  private static final int MAGIC = 0x184c2102;
  private static final int MAX_BLOCK = 8 << 20;

  /** What incompressible data grows to (LZ4_compressBound). */
  private static final int MAX_PACKED_BLOCK = MAX_BLOCK + MAX_BLOCK / 255 + 16;

  // The pure Java one that checks every bound; the others need Unsafe or native code.
  private final LZ4SafeDecompressor decompressor = LZ4Factory.safeInstance().safeDecompressor();
  private final SourceInput input;
  private final byte[] unpacked = new byte[MAX_BLOCK];
  private byte[] packed = {};

  Lz4LegacyInput(SourceInput input) throws IOException {
    this.input = input;
    if (input.readLittle32() != MAGIC) {
      throw new IOException("no lz4 legacy frame");
    }
  }

  @Override
  boolean unpack() throws IOException {
    if (input.remaining() == 0) {
      return false;
    }
    long start = input.position();
    int length = input.readLittle32();
    if (length == MAGIC) { // frames one after another are one stream
      return true;
    }
    if (length == 0) {
      input.seek(start);
      return false;
    }
    if (length < 0 || length > MAX_PACKED_BLOCK) {
      throw new IOException("an lz4 block has an impossible length of %#x".formatted(length));
    }
    if (packed.length < length) {
      packed = new byte[length];
    }
    input.readExactly(packed, 0, length);
    try {
      setBlock(unpacked, decompressor.decompress(packed, 0, length, unpacked, 0, MAX_BLOCK));
    } catch (LZ4Exception e) {
      throw new IOException("an lz4 block is damaged", e);
    }
    return true;
  }
}
