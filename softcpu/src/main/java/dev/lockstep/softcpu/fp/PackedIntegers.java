package dev.lockstep.softcpu.fp;

/**
 * Packed integer arithmetic of MMX and SSE2 on one 64-bit half; lane 0 is the low one. An MMX instruction is one call, an SSE2 instruction two. {@code a} is the destination operand, {@code b} the source.
 */
public final class PackedIntegers {
  private static final long BYTE_SIGNS = 0x8080808080808080L;
  private static final long WORD_SIGNS = 0x8000800080008000L;
  private static final long DWORD_SIGNS = 0x8000000080000000L;
  private static final long BYTE_ONES = 0x0101010101010101L;
  private static final long WORD_ONES = 0x0001000100010001L;

  private PackedIntegers() {}

  /** PADDB. Adds the low bits of each lane without a carry across, then mends the top bit. */
  public static long addBytes(long a, long b) {
    return (a & ~BYTE_SIGNS) + (b & ~BYTE_SIGNS) ^ (a ^ b) & BYTE_SIGNS;
  }

  /** PADDW. */
  public static long addWords(long a, long b) {
    return (a & ~WORD_SIGNS) + (b & ~WORD_SIGNS) ^ (a ^ b) & WORD_SIGNS;
  }

  /** PADDD. */
  public static long addDwords(long a, long b) {
    return (a & ~DWORD_SIGNS) + (b & ~DWORD_SIGNS) ^ (a ^ b) & DWORD_SIGNS;
  }

  /** PSUBB. Sets the top bit of each lane so that no borrow leaves it, then mends it. */
  public static long subBytes(long a, long b) {
    return (a | BYTE_SIGNS) - (b & ~BYTE_SIGNS) ^ (a ^ ~b) & BYTE_SIGNS;
  }

  /** PSUBW. */
  public static long subWords(long a, long b) {
    return (a | WORD_SIGNS) - (b & ~WORD_SIGNS) ^ (a ^ ~b) & WORD_SIGNS;
  }

  /** PSUBD. */
  public static long subDwords(long a, long b) {
    return (a | DWORD_SIGNS) - (b & ~DWORD_SIGNS) ^ (a ^ ~b) & DWORD_SIGNS;
  }

  /** PADDSB. */
  public static long addBytesSigned(long a, long b) {
    long sum = addBytes(a, b);
    long overflow = (sum ^ a) & (sum ^ b) & BYTE_SIGNS;
    return select(fillBytes(overflow), saturatedBytes(a), sum);
  }

  /** PADDSW. */
  public static long addWordsSigned(long a, long b) {
    long sum = addWords(a, b);
    long overflow = (sum ^ a) & (sum ^ b) & WORD_SIGNS;
    return select(fillWords(overflow), saturatedWords(a), sum);
  }

  /** PADDUSB. */
  public static long addBytesUnsigned(long a, long b) {
    long sum = addBytes(a, b);
    return sum | fillBytes((a & b | (a | b) & ~sum) & BYTE_SIGNS);
  }

  /** PADDUSW. */
  public static long addWordsUnsigned(long a, long b) {
    long sum = addWords(a, b);
    return sum | fillWords((a & b | (a | b) & ~sum) & WORD_SIGNS);
  }

  /** PSUBSB. */
  public static long subBytesSigned(long a, long b) {
    long difference = subBytes(a, b);
    long overflow = (a ^ b) & (a ^ difference) & BYTE_SIGNS;
    return select(fillBytes(overflow), saturatedBytes(a), difference);
  }

  /** PSUBSW. */
  public static long subWordsSigned(long a, long b) {
    long difference = subWords(a, b);
    long overflow = (a ^ b) & (a ^ difference) & WORD_SIGNS;
    return select(fillWords(overflow), saturatedWords(a), difference);
  }

  /** PSUBUSB. */
  public static long subBytesUnsigned(long a, long b) {
    return subBytes(a, b) & ~fillBytes(borrows(a, b, subBytes(a, b)) & BYTE_SIGNS);
  }

  /** PSUBUSW. */
  public static long subWordsUnsigned(long a, long b) {
    return subWords(a, b) & ~fillWords(borrows(a, b, subWords(a, b)) & WORD_SIGNS);
  }

  /** PMULLW. */
  public static long multiplyWordsLow(long a, long b) {
    long result = 0;
    for (int shift = 0; shift < 64; shift += 16) {
      result |= (word(a, shift) * word(b, shift) & 0xffffL) << shift;
    }
    return result;
  }

  /** PMULHW. */
  public static long multiplyWordsHigh(long a, long b) {
    long result = 0;
    for (int shift = 0; shift < 64; shift += 16) {
      result |= (word(a, shift) * word(b, shift) >> 16 & 0xffffL) << shift;
    }
    return result;
  }

  /** PMULHUW. */
  public static long multiplyWordsHighUnsigned(long a, long b) {
    long result = 0;
    for (int shift = 0; shift < 64; shift += 16) {
      result |= ((a >>> shift & 0xffff) * (b >>> shift & 0xffff) >>> 16) << shift;
    }
    return result;
  }

  /** PMULUDQ. */
  public static long multiplyDwordsUnsigned(long a, long b) {
    return (a & 0xffffffffL) * (b & 0xffffffffL);
  }

  /** PMADDWD. */
  public static long multiplyAddWords(long a, long b) {
    int low = word(a, 0) * word(b, 0) + word(a, 16) * word(b, 16);
    int high = word(a, 32) * word(b, 32) + word(a, 48) * word(b, 48);
    return (long) high << 32 | low & 0xffffffffL;
  }

  /** PAVGB: rounds up. */
  public static long averageBytes(long a, long b) {
    return (a | b) - ((a ^ b) >>> 1 & ~BYTE_SIGNS);
  }

  /** PAVGW. */
  public static long averageWords(long a, long b) {
    return (a | b) - ((a ^ b) >>> 1 & ~WORD_SIGNS);
  }

  /** PSADBW: the sum in bits 15..0. */
  public static long sumOfAbsoluteDifferences(long a, long b) {
    long sum = 0;
    for (int shift = 0; shift < 64; shift += 8) {
      sum += Math.abs((a >>> shift & 0xff) - (b >>> shift & 0xff));
    }
    return sum;
  }

  /** PMINUB. */
  public static long minBytesUnsigned(long a, long b) {
    return select(fillBytes(borrows(a, b, subBytes(a, b)) & BYTE_SIGNS), a, b);
  }

  /** PMAXUB. */
  public static long maxBytesUnsigned(long a, long b) {
    return select(fillBytes(borrows(a, b, subBytes(a, b)) & BYTE_SIGNS), b, a);
  }

  /** PMINSW. */
  public static long minWordsSigned(long a, long b) {
    return select(compareWordsGreater(a, b), b, a);
  }

  /** PMAXSW. */
  public static long maxWordsSigned(long a, long b) {
    return select(compareWordsGreater(a, b), a, b);
  }

  /** PCMPEQB. */
  public static long compareBytesEqual(long a, long b) {
    long difference = a ^ b;
    long nonZero = (difference & ~BYTE_SIGNS) + ~BYTE_SIGNS | difference;
    return fillBytes(~nonZero & BYTE_SIGNS);
  }

  /** PCMPEQW. */
  public static long compareWordsEqual(long a, long b) {
    long difference = a ^ b;
    long nonZero = (difference & ~WORD_SIGNS) + ~WORD_SIGNS | difference;
    return fillWords(~nonZero & WORD_SIGNS);
  }

  /** PCMPEQD. */
  public static long compareDwordsEqual(long a, long b) {
    long difference = a ^ b;
    return ((int) difference == 0 ? 0xffffffffL : 0)
        | (difference >>> 32 == 0 ? 0xffffffff00000000L : 0);
  }

  /** PCMPGTB. Signed order is unsigned order with the signs flipped. */
  public static long compareBytesGreater(long a, long b) {
    long x = b ^ BYTE_SIGNS;
    long y = a ^ BYTE_SIGNS;
    return fillBytes(borrows(x, y, subBytes(x, y)) & BYTE_SIGNS);
  }

  /** PCMPGTW. */
  public static long compareWordsGreater(long a, long b) {
    long x = b ^ WORD_SIGNS;
    long y = a ^ WORD_SIGNS;
    return fillWords(borrows(x, y, subWords(x, y)) & WORD_SIGNS);
  }

  /** PCMPGTD. */
  public static long compareDwordsGreater(long a, long b) {
    return ((int) a > (int) b ? 0xffffffffL : 0) | (a >> 32 > b >> 32 ? 0xffffffff00000000L : 0);
  }

  /** PSLLW by a 64-bit count: 16 and more give zero. */
  public static long shiftLeftWords(long a, long count) {
    int n = (int) count & 15;
    return Long.compareUnsigned(count, 15) > 0 ? 0 : a << n & WORD_ONES * (0xffff << n & 0xffff);
  }

  /** PSLLD. */
  public static long shiftLeftDwords(long a, long count) {
    int n = (int) count & 31;
    long low = (int) a << n & 0xffffffffL;
    return Long.compareUnsigned(count, 31) > 0 ? 0 : (a >>> 32) << n << 32 | low;
  }

  /** PSLLQ. */
  public static long shiftLeftQword(long a, long count) {
    return Long.compareUnsigned(count, 63) > 0 ? 0 : a << count;
  }

  /** PSRLW. */
  public static long shiftRightWords(long a, long count) {
    int n = (int) count & 15;
    return Long.compareUnsigned(count, 15) > 0 ? 0 : a >>> n & WORD_ONES * (0xffff >>> n);
  }

  /** PSRLD. */
  public static long shiftRightDwords(long a, long count) {
    int n = (int) count & 31;
    long low = (a & 0xffffffffL) >>> n;
    return Long.compareUnsigned(count, 31) > 0 ? 0 : (a >>> 32 >>> n) << 32 | low;
  }

  /** PSRLQ. */
  public static long shiftRightQword(long a, long count) {
    return Long.compareUnsigned(count, 63) > 0 ? 0 : a >>> count;
  }

  /** PSRAW: a count over 15 works as 15. */
  public static long shiftRightWordsSigned(long a, long count) {
    int n = Long.compareUnsigned(count, 15) > 0 ? 15 : (int) count;
    long result = 0;
    for (int shift = 0; shift < 64; shift += 16) {
      result |= (word(a, shift) >> n & 0xffffL) << shift;
    }
    return result;
  }

  /** PSRAD: a count over 31 works as 31. */
  public static long shiftRightDwordsSigned(long a, long count) {
    int n = Long.compareUnsigned(count, 31) > 0 ? 31 : (int) count;
    return a >> 32 >> n << 32 | (int) a >> n & 0xffffffffL;
  }

  /** 1 in the top bit of each lane where x - y borrows, unsigned. */
  private static long borrows(long x, long y, long difference) {
    return ~x & y | ~(x ^ y) & difference;
  }

  /** The largest value for non-negative lanes, the smallest for negative ones. */
  private static long saturatedBytes(long sign) {
    return ((sign & BYTE_SIGNS) >>> 7) + ~BYTE_SIGNS;
  }

  private static long saturatedWords(long sign) {
    return ((sign & WORD_SIGNS) >>> 15) + ~WORD_SIGNS;
  }

  /** Spreads the top bit of each byte over the byte; all other bits must be zero. */
  private static long fillBytes(long tops) {
    return (tops >>> 7 & BYTE_ONES) * 0xff;
  }

  private static long fillWords(long tops) {
    return (tops >>> 15 & WORD_ONES) * 0xffff;
  }

  private static long select(long mask, long yes, long no) {
    return mask & yes | ~mask & no;
  }

  private static int word(long lanes, int shift) {
    return (short) (lanes >>> shift);
  }
}
