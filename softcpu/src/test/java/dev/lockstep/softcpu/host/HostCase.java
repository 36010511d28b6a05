package dev.lockstep.softcpu.host;

import java.util.HexFormat;

/**
 * One instruction and what it starts from.
 *
 * @param form the form that it is a case of, in words
 * @param mode 64, or 32 for compatibility mode
 * @param code at most 15 bytes
 * @param registers RAX RCX RDX RBX RSP RBP RSI RDI R8..R15
 * @param undefined arithmetic flags that the manual leaves undefined after it
 */
record HostCase(String form, int mode, byte[] code, long[] registers, long rflags, long undefined) {
  /** Where the code lies. */
  static final long CODE = 0x1000_0100L;

  /** Where the memory lies that both sides start from, and its bytes. */
  static final long DATA = 0x2000_0000L;

  static final int DATA_BYTES = 0x4000;

  /** The bytes of the memory. */
  static byte[] pattern() {
    byte[] bytes = new byte[DATA_BYTES];
    int x = 12345;
    for (int i = 0; i < bytes.length; i++) {
      x = x * 1664525 + 1013904223;
      bytes[i] = (byte) (x >>> 24);
    }
    return bytes;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    text.append(
        "%s, mode %d, code %s, rflags %x"
            .formatted(form, mode, HexFormat.of().formatHex(code), rflags));
    for (int i = 0; i < registers.length; i++) {
      text.append(i % 4 == 0 ? "\n  " : " ").append("r%d=%x".formatted(i, registers[i]));
    }
    return text.toString();
  }
}
