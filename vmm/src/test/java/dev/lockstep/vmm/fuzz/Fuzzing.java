package dev.lockstep.vmm.fuzz;

import java.nio.ByteBuffer;

/** How long a parser is fuzzed, and how bytes that a fuzzer makes are cut. */
public final class Fuzzing {
  /** For each test, where the environment has JAZZER_FUZZ=1 (scripts/prove); elsewhere only its corpus is run. */
  public static final String DURATION = "60s";

  private Fuzzing() {}

  /** Puts a length of two bytes before some bytes, as {@link #piece} takes them. */
  public static byte[] prefixed(byte[] bytes) {
    return ByteBuffer.allocate(2 + bytes.length).putShort((short) bytes.length).put(bytes).array();
  }

  /** Bytes behind each other. */
  public static byte[] joined(byte[]... parts) {
    int length = 0;
    for (byte[] part : parts) {
      length += part.length;
    }
    ByteBuffer joined = ByteBuffer.allocate(length);
    for (byte[] part : parts) {
      joined.put(part);
    }
    return joined.array();
  }

  /** Takes as many bytes as two bytes before them say, or all that are left. */
  public static byte[] piece(ByteBuffer from) {
    int wanted = from.remaining() < 2 ? from.remaining() : from.getShort() & 0xffff;
    byte[] piece = new byte[Math.min(wanted, from.remaining())];
    from.get(piece);
    return piece;
  }
}
