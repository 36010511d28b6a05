package dev.lockstep.vmm.log;

import com.dynatrace.hash4j.hashing.HashStream64;
import com.dynatrace.hash4j.hashing.Hasher64;
import com.dynatrace.hash4j.hashing.Hashing;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;

/** The one hash of outputs, states, memory and disks: XXH3, 64 bits, seed 0. Finds differences; is no protection against an adversary. */
public final class LogHash {
  private static final Hasher64 XXH3 = Hashing.xxh3_64();
  private static final int CHUNK_BYTES = 1 << 20;

  private LogHash() {}

  /** Hash of bytes. */
  public static long of(byte[] bytes) {
    return XXH3.hashBytesToLong(bytes);
  }

  /** Hash of a part of some bytes. */
  public static long of(byte[] bytes, int from, int length) {
    return XXH3.hashBytesToLong(bytes, from, length);
  }

  /** A hash to be fed piece by piece. */
  public static HashStream64 stream() {
    return XXH3.hashStream();
  }

  /** Hash of two numbers, for combining hashes. */
  public static long of(long first, long second) {
    return XXH3.hashLongLongToLong(first, second);
  }

  /** Hash of everything that is left to read. */
  public static long disk(ReadableByteChannel channel) throws IOException {
    HashStream64 stream = XXH3.hashStream();
    ByteBuffer buffer = ByteBuffer.allocate(CHUNK_BYTES);
    while (channel.read(buffer.clear()) >= 0) {
      stream.putBytes(buffer.array(), 0, buffer.position());
    }
    return stream.getAsLong();
  }
}
