package dev.lockstep.softcpu.host;

import java.util.HexFormat;

/**
 * One instruction and what it starts from.
 *
 * @param form the form that it is a case of, in words
 * @param mode 64; 32 for flat compatibility mode; 33 and 16 for 32- and 16-bit code with segments that begin at {@link #CODE_PAGE} and {@link #DATA} and end with their memory
 * @param code at most 15 bytes
 * @param registers RAX RCX RDX RBX RSP RBP RSI RDI R8..R15
 * @param undefined arithmetic flags that the manual leaves undefined after it
 */
record HostCase(String form, int mode, byte[] code, long[] registers, long rflags, long undefined) {
  /** Where the code lies. */
  static final long CODE_PAGE = 0x1000_0000L;

  static final int CODE_OFFSET = 0x100;

  static final long CODE = CODE_PAGE + CODE_OFFSET;

  /** Where the memory lies that both sides start from, and its bytes. */
  static final long DATA = 0x2000_0000L;

  static final int DATA_BYTES = 0x4000;

  /** Whether segments have bases and limits. */
  static boolean isSegmented(int mode) {
    return mode == 33 || mode == 16;
  }

  /** Where the instruction begins within its code segment. */
  long start() {
    return isSegmented(mode) ? CODE_OFFSET : CODE;
  }

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
