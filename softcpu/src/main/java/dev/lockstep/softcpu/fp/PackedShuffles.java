package dev.lockstep.softcpu.fp;

/** Packs, unpacks, shuffles, whole-register shifts and lane access of MMX, SSE and SSE2. Lane 0 is the low one. */
public final class PackedShuffles {
  private PackedShuffles() {}

  /**
   * PACKSSWB of eight words to eight bytes. MMX: (destination, source). SSE2: low half from the destination's (low, high), high half from the source's.
   */
  public static long packWordsSigned(long low, long high) {
    return packWordHalf(low) | packWordHalf(high) << 32;
  }

  /** PACKUSWB; operands as {@link #packWordsSigned}. */
  public static long packWordsUnsigned(long low, long high) {
    return packWordHalfUnsigned(low) | packWordHalfUnsigned(high) << 32;
  }

  /** PACKSSDW: four dwords to four words; operands as {@link #packWordsSigned}. */
  public static long packDwordsSigned(long low, long high) {
    return packDwordHalf(low) | packDwordHalf(high) << 32;
  }

  /**
   * PUNPCKLBW: interleaves bytes 0..3 of a and b. SSE2's PUNPCKLBW is (unpackLow, unpackHigh) of the low halves, PUNPCKHBW the same of the high halves; so for words and dwords.
   */
  public static long unpackLowBytes(long a, long b) {
    return spreadBytes(a & 0xffffffffL) | spreadBytes(b & 0xffffffffL) << 8;
  }

  /** PUNPCKHBW. */
  public static long unpackHighBytes(long a, long b) {
    return spreadBytes(a >>> 32) | spreadBytes(b >>> 32) << 8;
  }

  /** PUNPCKLWD. */
  public static long unpackLowWords(long a, long b) {
    return spreadWords(a & 0xffffffffL) | spreadWords(b & 0xffffffffL) << 16;
  }

  /** PUNPCKHWD. */
  public static long unpackHighWords(long a, long b) {
    return spreadWords(a >>> 32) | spreadWords(b >>> 32) << 16;
  }

  /** PUNPCKLDQ; UNPCKLPS. */
  public static long unpackLowDwords(long a, long b) {
    return a & 0xffffffffL | b << 32;
  }

  /** PUNPCKHDQ; UNPCKHPS. */
  public static long unpackHighDwords(long a, long b) {
    return a >>> 32 | b & 0xffffffff00000000L;
  }

  /** PSHUFW; PSHUFLW and PSHUFHW on their half. */
  public static long shuffleWords(long a, int order) {
    long result = 0;
    for (int i = 0; i < 4; i++) {
      result |= (a >>> 16 * (order >>> 2 * i & 3) & 0xffff) << 16 * i;
    }
    return result;
  }

  /**
   * Two dwords of a 128-bit register by bits 3..0 of {@code order}. PSHUFD: low half by imm, high half by imm >>> 4. SHUFPS: low half from the destination by imm, high half from the source by imm >>> 4.
   */
  public static long selectDwords(long low, long high, int order) {
    return dword(low, high, order & 3) | dword(low, high, order >>> 2 & 3) << 32;
  }

  /** Low half of PSLLDQ by {@code bytes}, 0..255. */
  public static long shiftLeftBytesLow(long low, int bytes) {
    return bytes > 7 ? 0 : low << 8 * bytes;
  }

  /** High half of PSLLDQ. */
  public static long shiftLeftBytesHigh(long low, long high, int bytes) {
    if (bytes == 0) {
      return high;
    }
    if (bytes < 8) {
      return high << 8 * bytes | low >>> 64 - 8 * bytes;
    }
    return bytes > 15 ? 0 : low << 8 * (bytes - 8);
  }

  /** Low half of PSRLDQ by {@code bytes}, 0..255. */
  public static long shiftRightBytesLow(long low, long high, int bytes) {
    if (bytes == 0) {
      return low;
    }
    if (bytes < 8) {
      return low >>> 8 * bytes | high << 64 - 8 * bytes;
    }
    return bytes > 15 ? 0 : high >>> 8 * (bytes - 8);
  }

  /** High half of PSRLDQ. */
  public static long shiftRightBytesHigh(long high, int bytes) {
    return bytes > 7 ? 0 : high >>> 8 * bytes;
  }

  /** PMOVMSKB: bit i is the sign of byte i. The multiplication gathers the eight bits in the top byte. */
  public static int moveMaskBytes(long a) {
    return (int) ((a >>> 7 & 0x0101010101010101L) * 0x0102040810204080L >>> 56);
  }

  /** MOVMSKPS on one half: two bits. */
  public static int moveMaskDwords(long a) {
    return (int) (a >>> 31 & 1 | a >>> 62 & 2);
  }

  /** PEXTRW: lane 0..3 of one half. */
  public static int extractWord(long a, int lane) {
    return (int) (a >>> 16 * (lane & 3)) & 0xffff;
  }

  /** PINSRW: lane 0..3 of one half. */
  public static long insertWord(long a, int value, int lane) {
    int shift = 16 * (lane & 3);
    return a & ~(0xffffL << shift) | (value & 0xffffL) << shift;
  }

  private static long packWordHalf(long words) {
    long result = 0;
    for (int i = 0; i < 4; i++) {
      int value = (short) (words >>> 16 * i);
      result |= (Math.clamp(value, -128, 127) & 0xffL) << 8 * i;
    }
    return result;
  }

  private static long packWordHalfUnsigned(long words) {
    long result = 0;
    for (int i = 0; i < 4; i++) {
      int value = (short) (words >>> 16 * i);
      result |= (long) Math.clamp(value, 0, 255) << 8 * i;
    }
    return result;
  }

  private static long packDwordHalf(long dwords) {
    long low = Math.clamp((int) dwords, -32768, 32767) & 0xffffL;
    long high = Math.clamp((int) (dwords >>> 32), -32768, 32767) & 0xffffL;
    return low | high << 16;
  }

  /** Moves bytes 0..3 to bytes 0, 2, 4, 6. */
  private static long spreadBytes(long x) {
    long words = (x | x << 16) & 0x0000ffff0000ffffL;
    return (words | words << 8) & 0x00ff00ff00ff00ffL;
  }

  private static long spreadWords(long x) {
    return (x | x << 16) & 0x0000ffff0000ffffL;
  }

  private static long dword(long low, long high, int lane) {
    return (lane > 1 ? high : low) >>> 32 * (lane & 1) & 0xffffffffL;
  }
}
