package dev.lockstep.vmm.debug;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** Hexadecimal digits as the remote serial protocol has them. */
final class Hex {
  private Hex() {}

  /** Bytes of an array. */
  static String of(byte[] bytes, int from, int count) {
    return HexFormat.of().formatHex(bytes, from, from + count);
  }

  /** A text's bytes. */
  static String of(String text) {
    return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
  }

  /** The low bytes of a number, lowest first. */
  static String little(long value, int bytes) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < bytes; i++) {
      text.append("%02x".formatted(value >>> 8 * i & 0xff));
    }
    return text.toString();
  }

  /**
   * A number, highest digit first.
   *
   * @throws IllegalArgumentException if it is none of 64 bits
   */
  static long number(String text) {
    return HexFormat.fromHexDigitsToLong(text);
  }

  /**
   * What a text's digits stand for.
   *
   * @throws IllegalArgumentException if they are none
   */
  static String text(String digits) {
    return new String(HexFormat.of().parseHex(digits), StandardCharsets.UTF_8);
  }
}
