package dev.lockstep.softcpu.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/** Units in the last place are counted across powers of two and into the denormals. */
class ToleranceTest {
  private static final long ONE = 1L << 63;

  private static byte[] extended(int signAndExponent, long significand) {
    return ByteBuffer.allocate(10)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(significand)
        .putShort((short) signAndExponent)
        .array();
  }

  private static void assertNear(byte[] a, byte[] b, boolean near) {
    assertThat(Tolerance.nearExtended(a, b, 0)).isEqualTo(near);
    assertThat(Tolerance.nearExtended(b, a, 0)).isEqualTo(near);
  }

  @Test
  void neighboursAreNear() {
    assertNear(extended(0x3fff, ONE), extended(0x3fff, ONE + 2), true);
    assertNear(extended(0x3fff, ONE), extended(0x3fff, ONE + 3), false);
    // As found: FPTAN of a tiny operand.
    assertNear(extended(1, -1), extended(2, ONE), true);
    assertNear(extended(0xbffe, -1), extended(0xbfff, ONE + 1), true);
    assertNear(extended(0x3ffe, -1), extended(0x3fff, ONE + 2), false);
    assertNear(extended(0, ONE - 1), extended(1, ONE), true);
    assertNear(extended(0x8000, ONE - 2), extended(0x8001, ONE + 1), false);
  }

  @Test
  void othersAreNot() {
    assertNear(extended(1, ONE), extended(3, ONE), false);
    assertNear(extended(1, ONE), extended(2, ONE), false);
    assertNear(extended(0, 1), extended(0x8000, 1), false);
    assertNear(extended(0x7fff, ONE), extended(0x8000, 0), false);
  }
}
