package dev.lockstep.vmm.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The hash of much data is the library's, however the data comes in pieces. */
final class BulkHashTest {
  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);

  @Test
  void everyLengthUpToThreeBlocksHashesAsTheLibrary() {
    System.out.println("BulkHashTest seed " + seed);
    BulkHash hash = new BulkHash();
    for (int length = BulkHash.MIN_BYTES; length <= 3 * 1024 + 130; length++) {
      byte[] bytes = bytes(length);
      assertThat(hash.put(bytes, 0, length).finish())
          .as("seed %d length %d", seed, length)
          .isEqualTo(LogHash.of(bytes));
    }
  }

  @Test
  void piecesMakeNoDifference() {
    System.out.println("BulkHashTest seed " + seed);
    BulkHash hash = new BulkHash();
    for (int i = 0; i < 5_000; i++) {
      byte[] bytes = bytes(BulkHash.MIN_BYTES + random.nextInt(5_000));
      int most = random.nextInt(4) == 0 ? 3_000 : 130;
      for (int at = 0; at < bytes.length; ) {
        int count = Math.min(bytes.length - at, random.nextInt(most));
        hash.put(bytes, at, count);
        at += count;
      }
      assertThat(hash.finish()).as("seed %d case %d", seed, i).isEqualTo(LogHash.of(bytes));
    }
  }

  @Test
  void aNumberIsEightBytesTheLowestFirst() {
    byte[] bytes = bytes(4096);
    long number = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    assertThat(new BulkHash().putLong(number).put(bytes, 8, bytes.length - 8).finish())
        .isEqualTo(LogHash.of(bytes));
  }

  @Test
  void tooLittleIsRefused() {
    BulkHash hash = new BulkHash();
    hash.put(new byte[BulkHash.MIN_BYTES - 1], 0, BulkHash.MIN_BYTES - 1);
    assertThatThrownBy(hash::finish).isInstanceOf(IllegalStateException.class);
  }

  private byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }
}
