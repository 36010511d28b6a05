package dev.lockstep.softcpu.oracle;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/**
 * One instruction with everything it can see. Memory is three windows around page boundaries; see the constants, which {@code oracle.c} shares.
 *
 * @param code the instruction, 1 to 15 bytes
 * @param mode {@link #MODE_64} and so on: the code segment's kind, and with it the others'
 * @param protection one of the {@code DATA_} constants
 * @param codeOffset where in the two code pages it starts
 * @param gpr 16 registers in encoding order
 * @param operand where in {@code data} ModRM's memory operand begins, or {@link #NO_OPERAND}
 * @param fxsave 512 bytes
 * @param data 1280 bytes around the data boundary
 * @param stack 1280 bytes around the stack boundary
 */
public record OracleCase(
    byte[] code,
    int mode,
    int protection,
    int codeOffset,
    long[] gpr,
    long rflags,
    long fsBase,
    int operand,
    byte[] fxsave,
    byte[] data,
    byte[] stack) {
  /** Flat segments. */
  static final int MODE_64 = 64;

  static final int MODE_32 = 32;

  /** Segments with bases and limits: code from {@link #CODE} on, DS and ES the data window, SS the stack window; addresses are offsets in them. */
  static final int SEGMENTED_32 = 33;

  /** As {@link #SEGMENTED_32}, with code of 16 bits. */
  static final int SEGMENTED_16 = 16;

  /** Selectors of the segments, in the host's LDT. */
  static final int CODE_16_SELECTOR = 0x07;

  static final int CODE_32_SELECTOR = 0x0f;
  static final int DATA_SELECTOR = 0x17;
  static final int STACK_SELECTOR = 0x1f;

  static final long CODE = 0x2000_0000L;
  static final long DATA = 0x1000_0000L;
  static final long STACK = 0x1100_0000L;
  static final int PAGE = 4096;

  /** Bytes of each window: an FXSAVE image fits on either side of the page boundary. */
  static final int WINDOW = 1280;

  /** The operand of forms that name no memory. */
  static final int NO_OPERAND = -1;

  static final int DATA_PLAIN = 0;
  static final int DATA_SECOND_ABSENT = 1;
  static final int DATA_SECOND_READ_ONLY = 2;
  static final int DATA_READ_ONLY = 3;
  static final int DATA_ABSENT = 4;

  static boolean isSegmented(int mode) {
    return mode == SEGMENTED_32 || mode == SEGMENTED_16;
  }

  /** The same with another instruction. */
  OracleCase withCode(byte[] other) {
    return new OracleCase(
        other, mode, protection, codeOffset, gpr, rflags, fsBase, operand, fxsave, data, stack);
  }

  /** The same with other general registers. */
  OracleCase withGpr(long[] other) {
    return new OracleCase(
        code, mode, protection, codeOffset, other, rflags, fsBase, operand, fxsave, data, stack);
  }

  /** Width of the code segment: 64, 32 or 16. */
  int bits() {
    return mode == SEGMENTED_32 ? 32 : mode;
  }

  /** Operand size in bits, of a form whose size depends on prefixes. */
  int operandBits() {
    boolean p66 = false;
    for (byte one : code) {
      int value = one & 0xff;
      if (bits() == 64 && (value & 0xf8) == 0x48) {
        return 64;
      }
      boolean segment = (value & 0xe7) == 0x26 || value == 0x64 || value == 0x65;
      boolean rex = bits() == 64 && (value & 0xf8) == 0x40;
      if (value == 0x66) {
        p66 = true;
      } else if (!segment && !rex && value != 0x67 && (value < 0xf0 || value > 0xf3)) {
        break;
      }
    }
    return p66 == (bits() == 16) ? 32 : 16;
  }

  /** Where RIP stands at first: an address, or an offset in the code segment. */
  long entry() {
    return isSegmented(mode) ? codeOffset : CODE + codeOffset;
  }

  /** Bytes of the request in {@code oracle.c}. */
  static final int REQUEST_BYTES = 16 + 16 + 128 + 16 + 8 + 512 + 2 * WINDOW;

  void writeTo(ByteBuffer out) {
    out.order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(code.length).putInt(mode).putInt(protection).putInt(codeOffset);
    out.put(code).put(new byte[16 - code.length]);
    for (long value : gpr) {
      out.putLong(value);
    }
    out.putLong(rflags).putLong(fsBase).putLong(operand).put(fxsave).put(data).put(stack);
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
    int operand = (int) in.getLong();
    byte[] fxsave = new byte[512];
    byte[] data = new byte[WINDOW];
    byte[] stack = new byte[WINDOW];
    in.get(fxsave).get(data).get(stack);
    return new OracleCase(
        code, mode, protection, codeOffset, gpr, rflags, fsBase, operand, fxsave, data, stack);
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
