package dev.lockstep.vmm.boot.unpack;

import java.io.IOException;

/** One block of a bzip2 stream, up to the run-length code: Huffman, move-to-front, Burrows-Wheeler. */
final class Bzip2Block {
  private static final int MAX_TABLES = 6;
  private static final int MIN_TABLES = 2;
  private static final int MAX_CODE_LENGTH = 20;
  private static final int MAX_SYMBOLS = 258;
  private static final int GROUP = 50;
  private static final int MAX_SELECTORS = 1 << 15;

  /** The two symbols that spell the length of a run of the front byte, in bijective base 2. */
  private static final int RUN_B = 1;

  private final Bzip2Input.BitReader bits;

  /** First the bytes of the last column, in the low 8 bits; then above them the index of each one's successor. */
  private final int[] column;

  private final byte[] front = new byte[256];
  private int symbols;
  private final byte[] selectors = new byte[MAX_SELECTORS];
  private final Code[] codes = new Code[MAX_TABLES];

  private int length;
  private int at;
  private int left;

  Bzip2Block(Bzip2Input.BitReader bits, int maxLength) {
    this.bits = bits;
    this.column = new int[maxLength];
    for (int i = 0; i < MAX_TABLES; i++) {
      codes[i] = new Code();
    }
  }

  /** Reads a block, from behind its checksum on. */
  void unpack() throws IOException {
    if (bits.read(1) != 0) {
      throw new IOException(
          "a randomised bzip2 block (written by versions before 0.9.5) is not supported");
    }
    int origin = bits.read(24);
    readAlphabet();
    int selectorCount = readSelectors();
    readSymbols(selectorCount);
    if (origin >= length) {
      throw new IOException("a bzip2 block begins outside of itself");
    }
    chain();
    at = column[origin] >>> 8;
    left = length;
  }

  /** Whether the block has more bytes. */
  boolean hasNext() {
    return left > 0;
  }

  /** The block's next byte, 0 to 255. */
  int next() {
    int entry = column[at];
    at = entry >>> 8;
    left--;
    return entry & 0xff;
  }

  private void readAlphabet() throws IOException {
    int groups = bits.read(16);
    int count = 0;
    for (int group = 0; group < 16; group++) {
      if ((groups & 0x8000 >>> group) != 0) {
        int used = bits.read(16);
        for (int i = 0; i < 16; i++) {
          if ((used & 0x8000 >>> i) != 0) {
            front[count++] = (byte) (group * 16 + i);
          }
        }
      }
    }
    if (count == 0) {
      throw new IOException("a bzip2 block has no symbols");
    }
    symbols = count + 2;
  }

  /** Which code each group of symbols uses, and the codes; returns the number of groups. */
  private int readSelectors() throws IOException {
    int tables = bits.read(3);
    int count = bits.read(15);
    if (tables < MIN_TABLES || tables > MAX_TABLES || count == 0) {
      throw new IOException("a bzip2 block has %d codes for %d groups".formatted(tables, count));
    }
    byte[] order = {0, 1, 2, 3, 4, 5};
    for (int i = 0; i < count; i++) {
      int position = 0;
      while (bits.read(1) != 0) {
        if (++position >= tables) {
          throw new IOException("a bzip2 block selects a code that it does not have");
        }
      }
      byte selected = order[position];
      System.arraycopy(order, 0, order, 1, position);
      order[0] = selected;
      selectors[i] = selected;
    }
    byte[] lengths = new byte[MAX_SYMBOLS];
    for (int table = 0; table < tables; table++) {
      int current = bits.read(5);
      for (int symbol = 0; symbol < symbols; symbol++) {
        while (bits.read(1) != 0) {
          current += bits.read(1) == 0 ? 1 : -1;
          if (current < 1 || current > MAX_CODE_LENGTH) {
            throw new IOException("a bzip2 code has an impossible length");
          }
        }
        if (current < 1 || current > MAX_CODE_LENGTH) {
          throw new IOException("a bzip2 code has an impossible length");
        }
        lengths[symbol] = (byte) current;
      }
      codes[table].set(lengths, symbols);
    }
    return count;
  }

  private void readSymbols(int selectorCount) throws IOException {
    int end = symbols - 1;
    int run = 0;
    int weight = 1;
    length = 0;
    for (int group = 0; group < selectorCount; group++) {
      Code code = codes[selectors[group]];
      for (int i = 0; i < GROUP; i++) {
        int symbol = code.read(bits);
        if (symbol <= RUN_B) {
          run += weight << symbol;
          weight <<= 1;
          if (run > column.length) {
            throw new IOException("a bzip2 block is too long");
          }
          continue;
        }
        append(front[0] & 0xff, run);
        run = 0;
        weight = 1;
        if (symbol == end) {
          return;
        }
        byte value = front[symbol - 1];
        System.arraycopy(front, 0, front, 1, symbol - 1);
        front[0] = value;
        append(value & 0xff, 1);
      }
    }
    throw new IOException("a bzip2 block has no end");
  }

  private void append(int value, int count) throws IOException {
    if (count > column.length - length) {
      throw new IOException("a bzip2 block is too long");
    }
    for (int i = 0; i < count; i++) {
      column[length++] = value;
    }
  }

  /** Inverts the Burrows-Wheeler transform: links each byte of the last column to its successor. */
  private void chain() {
    int[] next = new int[256];
    for (int i = 0; i < length; i++) {
      next[column[i] & 0xff]++;
    }
    int sum = 0;
    for (int value = 0; value < 256; value++) {
      int count = next[value];
      next[value] = sum;
      sum += count;
    }
    for (int i = 0; i < length; i++) {
      column[next[column[i] & 0xff]++] |= i << 8;
    }
  }

  /** A canonical Huffman code. */
  private static final class Code {
    /** By length: the first code that is not of that length any more, aligned to it; and what leads to the symbol. */
    private final int[] limit = new int[MAX_CODE_LENGTH + 2];

    private final int[] base = new int[MAX_CODE_LENGTH + 2];
    private final int[] symbolByOrder = new int[MAX_SYMBOLS];
    private int count;

    void set(byte[] lengths, int symbols) {
      int[] perLength = new int[MAX_CODE_LENGTH + 2];
      int order = 0;
      for (int length = 1; length <= MAX_CODE_LENGTH; length++) {
        for (int symbol = 0; symbol < symbols; symbol++) {
          if (lengths[symbol] == length) {
            symbolByOrder[order++] = symbol;
            perLength[length]++;
          }
        }
      }
      count = order;
      int code = 0;
      int before = 0;
      for (int length = 1; length <= MAX_CODE_LENGTH; length++) {
        base[length] = before - code;
        code += perLength[length];
        limit[length] = code;
        before += perLength[length];
        code <<= 1;
      }
    }

    int read(Bzip2Input.BitReader bits) throws IOException {
      int code = 0;
      for (int length = 1; length <= MAX_CODE_LENGTH; length++) {
        code = code << 1 | bits.read(1);
        int order = base[length] + code;
        if (code < limit[length] && order >= 0 && order < count) {
          return symbolByOrder[order];
        }
      }
      throw new IOException("a bzip2 code does not exist");
    }
  }
}
