package dev.lockstep.softcpu.oracle;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Where the manual allows results to differ between processors, how far. */
final class Tolerance {
  /** Twice 1.5 * 2^-12: host and software CPU may err to different sides (Intel SDM vol. 2B, RCPPS). */
  private static final double RELATIVE = 2 * 1.5 / 4096;

  /** Each is within one unit in the last place of the exact value. */
  private static final long UNITS = 2;

  private Tolerance() {}

  /** Four single-precision numbers are pairwise equal or near. */
  static boolean nearSingles(byte[] a, byte[] b, int at) {
    for (int i = at; i < at + 16; i += 4) {
      int x = ByteBuffer.wrap(a).order(ByteOrder.LITTLE_ENDIAN).getInt(i);
      int y = ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).getInt(i);
      double p = Float.intBitsToFloat(x);
      double q = Float.intBitsToFloat(y);
      boolean near =
          Double.isFinite(p) && Double.isFinite(q) && Math.abs(p - q) <= RELATIVE * Math.abs(p);
      if (x != y && !near) {
        return false;
      }
    }
    return true;
  }

  /** Two 80-bit numbers have the same sign and differ by few units in the last place, also across a power of two. */
  static boolean nearExtended(byte[] a, byte[] b, int at) {
    ByteBuffer x = ByteBuffer.wrap(a).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer y = ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN);
    long difference = x.getLong(at) - y.getLong(at);
    int signAndExponent = x.getShort(at + 8);
    int step = signAndExponent - y.getShort(at + 8);
    if (step == 1) {
      difference += y.getShort(at + 8) << 17 == 0 ? 0 : Long.MIN_VALUE;
    } else if (step == -1) {
      difference -= signAndExponent << 17 == 0 ? 0 : Long.MIN_VALUE;
    } else if (step != 0) {
      return false;
    }
    return -UNITS <= difference && difference <= UNITS;
  }
}
