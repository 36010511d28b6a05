package dev.lockstep.softcpu.oracle;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/**
 * One instruction with everything it can see. Memory is three windows around page boundaries; see the constants, which {@code oracle.c} shares.
 *
 * @param code the instruction, 1 to 15 bytes
 * @param mode 64, 32 or 16: the code segment's kind
 * @param protection one of the {@code DATA_} constants
 * @param codeOffset where in the two code pages it starts
 * @param gpr 16 registers in encoding order
 * @param fxsave 512 bytes
 * @param data 256 bytes around the data boundary
 * @param stack 256 bytes around the stack boundary
 */
record OracleCase(
    byte[] code,
    int mode,
    int protection,
    int codeOffset,
    long[] gpr,
    long rflags,
    long fsBase,
    byte[] fxsave,
    byte[] data,
    byte[] stack) {
  static final long CODE = 0x2000_0000L;
  static final long DATA = 0x1000_0000L;
  static final long STACK = 0x1100_0000L;
  static final int PAGE = 4096;
  static final int WINDOW = 256;
  static final int DATA_PLAIN = 0;
  static final int DATA_SECOND_ABSENT = 1;
  static final int DATA_SECOND_READ_ONLY = 2;
  static final int DATA_READ_ONLY = 3;
  static final int DATA_ABSENT = 4;

  /** Bytes of the request in {@code oracle.c}. */
  static final int REQUEST_BYTES = 16 + 16 + 128 + 16 + 512 + 2 * WINDOW;

  void writeTo(ByteBuffer out) {
    out.order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(code.length).putInt(mode).putInt(protection).putInt(codeOffset);
    out.put(code).put(new byte[16 - code.length]);
    for (long value : gpr) {
      out.putLong(value);
    }
    out.putLong(rflags).putLong(fsBase).put(fxsave).put(data).put(stack);
  }

  static OracleCase readFrom(ByteBuffer in) {
    in.order(ByteOrder.LITTLE_ENDIAN);
    byte[] code = new byte[in.getInt()];
    int mode = in.getInt();
    int protection = in.getInt();
    int codeOffset = in.getInt();
    in.get(code).position(in.position() + 16 - code.length);
    long[] gpr = new long[16];
    for (int i = 0; i < gpr.length; i++) {
      gpr[i] = in.getLong();
    }
    long rflags = in.getLong();
    long fsBase = in.getLong();
    byte[] fxsave = new byte[512];
    byte[] data = new byte[WINDOW];
    byte[] stack = new byte[WINDOW];
    in.get(fxsave).get(data).get(stack);
    return new OracleCase(
        code, mode, protection, codeOffset, gpr, rflags, fsBase, fxsave, data, stack);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    text.append(HexFormat.of().formatHex(code)).append(" mode ").append(mode);
    text.append(" protection ").append(protection).append(" at +").append(codeOffset);
    text.append(" rflags=%x".formatted(rflags));
    for (int i = 0; i < gpr.length; i++) {
      text.append(" r%d=%x".formatted(i, gpr[i]));
    }
    return text.toString();
  }
}
