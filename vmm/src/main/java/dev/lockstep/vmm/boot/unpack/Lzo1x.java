package dev.lockstep.vmm.boot.unpack;

import java.io.EOFException;
import java.io.IOException;

/**
 * Unpacks LZO1X data. The stream is a row of instructions, each a copy of earlier output (a match) or a run
 * of literals; what a low instruction byte means depends on the literals copied before it (described in the
 * kernel's Documentation/staging/lzo.rst).
 */
final class Lzo1x {
  /** The state after a run of four or more literals; 0 to 3 is the number copied after a match. */
  private static final int AFTER_RUN = 4;

  /** A first byte above this is a literal run of its own kind. */
  private static final int FIRST_RUN = 17;

  private static final int FAR = 16384;

  private final byte[] in;
  private final int inEnd;
  private final byte[] out;
  private final int outEnd;
  private int from;
  private int to;
  private int state;

  private Lzo1x(byte[] in, int inEnd, byte[] out, int outEnd) {
    this.in = in;
    this.inEnd = inEnd;
    this.out = out;
    this.outEnd = outEnd;
  }

  /**
   * @param length bytes of packed data, from index 0 on
   * @param size what it must unpack to
   * @throws IOException if it is damaged or unpacks to another size
   */
  static void unpack(byte[] packed, int length, byte[] into, int size) throws IOException {
    Lzo1x unpacker = new Lzo1x(packed, length, into, size);
    unpacker.run();
    if (unpacker.to != size) {
      throw new IOException(
          "an lzo block unpacks to %d bytes instead of %d".formatted(unpacker.to, size));
    }
  }

  private void run() throws IOException {
    if (inEnd > 0 && (in[0] & 0xff) > FIRST_RUN) {
      int literals = next() - FIRST_RUN;
      copyLiterals(literals);
      state = Math.min(literals, AFTER_RUN);
    }
    boolean more = true;
    while (more) {
      int code = next();
      if (code < 16) {
        shortCode(code);
      } else if (code < 32) {
        more = farMatch(code);
      } else if (code < 64) {
        int length = length(code & 31, 31) + 2;
        int word = next() | next() << 8;
        match((word >>> 2) + 1, length, word & 3);
      } else {
        int length = code < 128 ? 3 + (code >>> 5 & 1) : 5 + (code >>> 5 & 3);
        match((next() << 3) + (code >>> 2 & 7) + 1, length, code & 3);
      }
    }
  }

  /** 0000xxxx: a literal run after a match without literals, else a near match of 2 or 3 bytes. */
  private void shortCode(int code) throws IOException {
    if (state == 0) {
      copyLiterals(length(code, 15) + 3);
      state = AFTER_RUN;
    } else if (state == AFTER_RUN) {
      match((next() << 2) + (code >>> 2) + 2049, 3, code & 3);
    } else {
      match((next() << 2) + (code >>> 2) + 1, 2, code & 3);
    }
  }

  /** 0001HLLL: 16 to 48 KiB back; a distance of exactly 16 KiB is the end. */
  private boolean farMatch(int code) throws IOException {
    int length = length(code & 7, 7) + 2;
    int word = next() | next() << 8;
    int distance = FAR + ((code & 8) << 11) + (word >>> 2);
    if (distance == FAR) {
      return false;
    }
    match(distance, length, word & 3);
    return true;
  }

  /** A length that does not fit its field goes on in zero bytes of 255 each and a last one. */
  private int length(int field, int max) throws IOException {
    if (field != 0) {
      return field;
    }
    int length = max;
    int more = next();
    while (more == 0) {
      length += 255;
      if (length > outEnd) {
        throw new IOException("an lzo block has an impossible length");
      }
      more = next();
    }
    return length + more;
  }

  private void match(int distance, int length, int literals) throws IOException {
    if (distance > to || length > outEnd - to) {
      throw new IOException("an lzo match lies outside of its block");
    }
    for (int i = 0; i < length; i++, to++) { // source and target may overlap
      out[to] = out[to - distance];
    }
    copyLiterals(literals);
    state = literals;
  }

  private void copyLiterals(int count) throws IOException {
    if (count > inEnd - from) {
      throw new EOFException("an lzo block ends early");
    }
    if (count > outEnd - to) {
      throw new IOException("lzo literals lie outside of their block");
    }
    System.arraycopy(in, from, out, to, count);
    from += count;
    to += count;
  }

  private int next() throws IOException {
    if (from == inEnd) {
      throw new EOFException("an lzo block ends early");
    }
    return in[from++] & 0xff;
  }
}
