package dev.lockstep.vmm.log;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.Objects;

/**
 * XXH3 (64 bits, seed 0) of much data, fed piece by piece: the values of {@link LogHash}, for memory and disks.
 *
 * <p>Why there is a second one: a recording hashes its memory and disks once at the start and once at the end, and so does a
 * replay. The library unrolls sixteen stripes into one method, and HotSpot takes as long to compile that as the hashing itself
 * takes. Here it is a small loop.
 *
 * <p>By the XXH3 algorithm for long inputs in the xxHash specification (Cyan4973/xxHash, doc/xxhash_spec.md).
 */
public final class BulkHash {
  /** Shorter inputs are hashed in another way, which is not here. */
  public static final int MIN_BYTES = 241;

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final int STRIPE = 64;
  private static final int LANES = STRIPE / Long.BYTES;

  /** The specification's default secret, 192 bytes. */
  private static final byte[] SECRET =
      HexFormat.of()
          .parseHex(
              "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
                  + "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
                  + "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
                  + "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
                  + "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
                  + "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e");

  /** Stripes between two scrambles: each takes the secret from 8 bytes further on. */
  private static final int BLOCK_STRIPES = (SECRET.length - STRIPE) / Long.BYTES;

  private static final int LAST_STRIPE_KEY = SECRET.length - STRIPE - 7;
  private static final int MERGE_KEY = 11;

  private static final long PRIME32_1 = 0x9E3779B1L;
  private static final long PRIME32_2 = 0x85EBCA77L;
  private static final long PRIME32_3 = 0xC2B2AE3DL;
  private static final long PRIME64_1 = 0x9E3779B185EBCA87L;
  private static final long PRIME64_2 = 0xC2B2AE3D27D4EB4FL;
  private static final long PRIME64_3 = 0x165667B19E3779F9L;
  private static final long PRIME64_4 = 0x85EBCA77C2B2AE63L;
  private static final long PRIME64_5 = 0x27D4EB2F165667C5L;
  private static final long PRIME_MX1 = 0x165667919E3779F9L;
  private static final long LOW = 0xFFFFFFFFL;

  private final long[] lanes = new long[LANES];

  /** The stripe that was accumulated last, and behind it up to a stripe that waits: the input's last 64 bytes, wherever they begin, are treated in another way. */
  private final byte[] held = new byte[2 * STRIPE];

  private int waiting;
  private int blockStripes;
  private long length;

  /** Nothing is in it yet. */
  public BulkHash() {
    reset();
  }

  private void reset() {
    lanes[0] = PRIME32_3;
    lanes[1] = PRIME64_1;
    lanes[2] = PRIME64_2;
    lanes[3] = PRIME64_3;
    lanes[4] = PRIME64_4;
    lanes[5] = PRIME32_2;
    lanes[6] = PRIME64_5;
    lanes[7] = PRIME32_1;
    waiting = 0;
    blockStripes = 0;
    length = 0;
  }

  /** Adds a number, as eight bytes, the lowest first. */
  public BulkHash putLong(long value) {
    byte[] bytes = new byte[Long.BYTES];
    LONG.set(bytes, 0, value);
    return put(bytes, 0, bytes.length);
  }

  /** Adds bytes. */
  public BulkHash put(byte[] bytes, int from, int count) {
    Objects.checkFromIndexSize(from, count, bytes.length);
    length += count;
    int at = from;
    int left = count;
    if (waiting > 0) {
      int filled = Math.min(STRIPE - waiting, left);
      System.arraycopy(bytes, at, held, STRIPE + waiting, filled);
      waiting += filled;
      at += filled;
      left -= filled;
      if (left == 0) {
        return this;
      }
      stripes(held, STRIPE, 1);
      System.arraycopy(held, STRIPE, held, 0, STRIPE);
    }
    int whole = Math.max(left - 1, 0) / STRIPE;
    if (whole > 0) {
      stripes(bytes, at, whole);
      at += whole * STRIPE;
      left -= whole * STRIPE;
      System.arraycopy(bytes, at - STRIPE, held, 0, STRIPE);
    }
    System.arraycopy(bytes, at, held, STRIPE, left);
    waiting = left;
    return this;
  }

  /**
   * The hash of all that was put in; the next byte put in is the first of a new one.
   *
   * @throws IllegalStateException if it was less than {@link #MIN_BYTES}
   */
  public long finish() {
    if (length < MIN_BYTES) {
      throw new IllegalStateException("a bulk hash of %d bytes".formatted(length));
    }
    accumulate(held, waiting, 1, LAST_STRIPE_KEY);
    long hash = length * PRIME64_1;
    for (int i = 0; i < LANES; i += 2) {
      long first = lanes[i] ^ key(MERGE_KEY + i * Long.BYTES);
      long second = lanes[i + 1] ^ key(MERGE_KEY + (i + 1) * Long.BYTES);
      hash += (first * second) ^ Math.unsignedMultiplyHigh(first, second);
    }
    hash = (hash ^ (hash >>> 37)) * PRIME_MX1;
    reset();
    return hash ^ (hash >>> 32);
  }

  private void stripes(byte[] in, int from, int count) {
    int at = from;
    for (int left = count; left > 0; ) {
      int run = Math.min(BLOCK_STRIPES - blockStripes, left);
      accumulate(in, at, run, blockStripes * Long.BYTES);
      at += run * STRIPE;
      left -= run;
      blockStripes += run;
      if (blockStripes == BLOCK_STRIPES) {
        scramble();
        blockStripes = 0;
      }
    }
  }

  /** Two lanes at a time go over all stripes, so that they stay in registers and the loop stays small. */
  private void accumulate(byte[] in, int from, int count, int keyFrom) {
    for (int lane = 0; lane < LANES; lane += 2) {
      long even = lanes[lane];
      long odd = lanes[lane + 1];
      int at = from + lane * Long.BYTES;
      int key = keyFrom + lane * Long.BYTES;
      for (int i = 0; i < count; i++) {
        long first = (long) LONG.get(in, at);
        long second = (long) LONG.get(in, at + Long.BYTES);
        long firstKeyed = first ^ key(key);
        long secondKeyed = second ^ key(key + Long.BYTES);
        even += second + (firstKeyed & LOW) * (firstKeyed >>> 32);
        odd += first + (secondKeyed & LOW) * (secondKeyed >>> 32);
        at += STRIPE;
        key += Long.BYTES;
      }
      lanes[lane] = even;
      lanes[lane + 1] = odd;
    }
  }

  private void scramble() {
    for (int i = 0; i < LANES; i++) {
      long lane = lanes[i];
      lanes[i] = (lane ^ (lane >>> 47) ^ key(SECRET.length - STRIPE + i * Long.BYTES)) * PRIME32_1;
    }
  }

  private static long key(int at) {
    return (long) LONG.get(SECRET, at);
  }
}
