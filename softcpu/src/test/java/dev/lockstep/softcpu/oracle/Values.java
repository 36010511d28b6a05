package dev.lockstep.softcpu.oracle;

import java.util.Random;

/** Random integers that find mistakes: boundaries of every width, few-bit values, and plain noise. */
final class Values {
  private static final long[] SPECIAL = {
    0,
    1,
    -1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffffL,
    0x8000_0000L,
    0xffff_ffffL,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    0x8000_0000_8000_8080L,
    0x0f,
    0x10,
    0x99,
    0x9a
  };

  private final Random random;

  Values(Random random) {
    this.random = random;
  }

  long next() {
    return switch (random.nextInt(4)) {
      case 0 -> SPECIAL[random.nextInt(SPECIAL.length)];
      case 1 -> 1L << random.nextInt(64);
      case 2 -> random.nextLong() >> random.nextInt(64);
      default -> random.nextLong();
    };
  }

  byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    if (random.nextInt(3) == 0) {
      for (int i = 0; i < length; i += 8) {
        long value = next();
        for (int j = 0; j < 8; j++) {
          bytes[i + j] = (byte) (value >>> (8 * j));
        }
      }
    }
    return bytes;
  }
}
