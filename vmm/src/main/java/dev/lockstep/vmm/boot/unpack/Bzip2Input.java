package dev.lockstep.vmm.boot.unpack;

import java.io.IOException;

/**
 * One bzip2 stream: a header, blocks of up to 900 kB, each through Huffman coding, move-to-front, a
 * Burrows-Wheeler transform and a run-length code, and a checksum over all.
 */
final class Bzip2Input extends UnpackingInput {
  private static final long BLOCK_MAGIC = 0x314159265359L;
  private static final long END_MAGIC = 0x177245385090L;
  private static final int LEVEL_UNIT = 100_000;
  private static final int OUT = 1 << 16;

  /** Equal bytes after which a count of more follows. */
  private static final int RUN = 4;

  private static final int[] CRC_TABLE = crcTable();

  private final BitReader bits;
  private final Bzip2Block block;
  private final byte[] out = new byte[OUT];
  private boolean inBlock;
  private boolean done;
  private int expectedBlockCrc;
  private int blockCrc;
  private int streamCrc;

  // The run-length code's state within a block.
  private int last;
  private int run;
  private int repeat;

  Bzip2Input(SourceInput input) throws IOException {
    bits = new BitReader(input);
    int level = 0;
    if (bits.read(24) == 0x425a68) {
      level = bits.read(8) - '0';
    }
    if (level < 1 || level > 9) {
      throw new IOException("no bzip2 header");
    }
    block = new Bzip2Block(bits, level * LEVEL_UNIT);
  }

  @Override
  boolean unpack() throws IOException {
    if (!inBlock && !done) {
      beginBlock();
    }
    if (done) {
      return false;
    }
    int count = 0;
    while (count < OUT && (repeat > 0 || block.hasNext())) {
      if (repeat > 0) {
        repeat--;
      } else {
        int value = block.next();
        if (run == RUN) {
          repeat = value;
          run = 0;
          last = -1 - last; // the run is over even if the same byte follows
          continue;
        }
        run = value == last ? run + 1 : 1;
        last = value;
      }
      int value = last < 0 ? -1 - last : last;
      out[count++] = (byte) value;
      blockCrc = blockCrc << 8 ^ CRC_TABLE[(blockCrc >>> 24 ^ value) & 0xff];
    }
    if (repeat == 0 && !block.hasNext()) {
      endBlock();
    }
    setBlock(out, count);
    return true;
  }

  private void beginBlock() throws IOException {
    long magic = (long) bits.read(24) << 24 | bits.read(24);
    int crc = bits.read(16) << 16 | bits.read(16);
    if (magic == END_MAGIC) {
      done = true;
      if (crc != streamCrc) {
        throw new IOException("the checksum of the bzip2 stream is wrong");
      }
      return;
    }
    if (magic != BLOCK_MAGIC) {
      throw new IOException("no bzip2 block where one must begin");
    }
    expectedBlockCrc = crc;
    blockCrc = -1;
    last = -1;
    run = 0;
    repeat = 0;
    block.unpack();
    inBlock = true;
  }

  private void endBlock() throws IOException {
    inBlock = false;
    if (~blockCrc != expectedBlockCrc) {
      throw new IOException("the checksum of a bzip2 block is wrong");
    }
    streamCrc = Integer.rotateLeft(streamCrc, 1) ^ ~blockCrc;
  }

  /** CRC-32 with the polynomial 0x04c11db7, most significant bit first. */
  private static int[] crcTable() {
    int[] table = new int[256];
    for (int i = 0; i < table.length; i++) {
      int crc = i << 24;
      for (int bit = 0; bit < 8; bit++) {
        crc = crc < 0 ? crc << 1 ^ 0x04c11db7 : crc << 1;
      }
      table[i] = crc;
    }
    return table;
  }

  /** Bits, most significant first; takes no byte before a bit of it is wanted. */
  static final class BitReader {
    private final SourceInput input;
    private int held;
    private int count;

    BitReader(SourceInput input) {
      this.input = input;
    }

    /** The next 1 to 24 bits. */
    int read(int wanted) throws IOException {
      while (count < wanted) {
        held = held << 8 | input.requireByte();
        count += 8;
      }
      count -= wanted;
      return held >>> count & (1 << wanted) - 1;
    }
  }
}
