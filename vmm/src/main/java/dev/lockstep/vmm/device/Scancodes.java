package dev.lockstep.vmm.device;

import java.util.HexFormat;

/**
 * Scan codes: the table by which an i8042 translates set 2 into set 1 (Microsoft, "Keyboard Scan
 * Code Specification", revision 1.3a, appendix A, and for the unused codes what IBM's controller
 * does), and the keys that the machine itself can press.
 */
final class Scancodes {
  /** Comes before the code of a key that is released, in set 2. */
  static final int BREAK_PREFIX = 0xf0;

  /** Comes before the codes of the keys that the first keyboards did not have, in both sets. */
  static final int EXTENDED_PREFIX = 0xe0;

  /** Marks a released key in set 1. */
  static final int SET1_RELEASED = 0x80;

  /** Ctrl, Alt and Delete, pressed and released, in set 2. */
  static final byte[] CTRL_ALT_DELETE = HexFormat.of().parseHex("1411e071e0f071f011f014");

  private static final byte[] SET2_TO_SET1 =
      HexFormat.of()
          .parseHex(
              "ff43413f3d3b3c58644442403e0f2959"
                  + "65382a701d10025a66712c1f1e11035b"
                  + "672e2d201205045c68392f211413065d"
                  + "693130232215075e6a7232241608095f"
                  + "6b332517180b0a606c34352627190c61"
                  + "6d7328741a0d626e3a361c1b752b6376"
                  + "55567778797a0e7b7c4f7d4b477e7f6f"
                  + "5253504c4d480145574e514a37494654");

  private Scancodes() {}

  /** Translates one byte that is not {@link #BREAK_PREFIX}. */
  static int set2ToSet1(int octet) {
    if (octet < SET2_TO_SET1.length) {
      return SET2_TO_SET1[octet] & 0xff;
    }
    return switch (octet) {
      case 0x83 -> 0x41;
      case 0x84 -> 0x54;
      default -> octet;
    };
  }
}
