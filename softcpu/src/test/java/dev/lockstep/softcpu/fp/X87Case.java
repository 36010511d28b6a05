package dev.lockstep.softcpu.fp;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.random.RandomGenerator;

/** One x87 instruction on one state: an FSAVE image (32-bit protected) and 16 bytes of memory. */
record X87Case(int opcode, int modrm, byte[] image, byte[] memory) {
  static final int IMAGE_BYTES = 108;
  static final int FIRST_REGISTER = 28;

  /** A random state for this instruction: stack mostly full enough, exceptions mostly masked, none pending. */
  static X87Case random(Operands operands, int opcode, int modrm) {
    X87State state = new X87State();
    state.top = operands.random.nextInt(8);
    for (int i = 0; i < 8; i++) {
      if (operands.random.nextInt(10) == 0) {
        continue;
      }
      if (i == 1 && operands.random.nextInt(3) == 0) {
        operands.nearby(state.signExponent[state.top], state.significand[state.top]);
      } else {
        operands.next80();
      }
      state.set(i, operands.signExponent, operands.significand);
    }
    if (operands.random.nextInt(3) != 0) {
      // Room for a push.
      state.free(7);
    }
    int masks = operands.random.nextInt(3) == 0 ? operands.random.nextInt(64) : 0x3f;
    state.setControl(masks | operands.random.nextInt(16) << 8);
    int flags = operands.random.nextInt(64) & masks;
    state.status = flags | operands.random.nextInt() & 0x4700;
    byte[] image = new byte[IMAGE_BYTES];
    X87Images.save(state, X87Images.Format.PROTECTED32, image);
    return new X87Case(opcode, modrm, image, memory(operands, opcode, modrm >>> 3 & 7));
  }

  /** The special values as ST(0) and ST(1), one of 4·n² combinations with signs; half the cases leave some exceptions unmasked. */
  static X87Case special(RandomGenerator random, int opcode, int modrm, int combination) {
    int n = Operands.SPECIAL80.length;
    int pair = combination >>> 2;
    X87State state = new X87State();
    put(state, 0, Operands.SPECIAL80[pair % n], combination & 1);
    put(state, 1, Operands.SPECIAL80[pair / n], combination >>> 1 & 1);
    int masks = random.nextBoolean() ? 0x3f : random.nextInt(64);
    state.setControl(masks | random.nextInt(16) << 8);
    byte[] image = new byte[IMAGE_BYTES];
    X87Images.save(state, X87Images.Format.PROTECTED32, image);
    return new X87Case(opcode, modrm, image, new byte[16]);
  }

  private static void put(X87State state, int i, long[] special, int sign) {
    state.set(i, sign << 15 | (int) special[0], special[1]);
  }

  /** A memory operand of the form's type; control words for FLDCW. */
  private static byte[] memory(Operands operands, int opcode, int reg) {
    byte[] memory = new byte[16];
    Arrays.fill(memory, (byte) 0xcc);
    boolean float32 = opcode == 0xd8 || opcode == 0xd9 && reg != 5;
    boolean float64 = opcode == 0xdc || opcode == 0xdd;
    if (float32) {
      Bytes.put32(memory, 0, operands.next32());
    } else if (float64) {
      Bytes.put64(memory, 0, operands.next64());
    } else if (opcode == 0xdb && reg == 5) {
      operands.next80();
      Bytes.put64(memory, 0, operands.significand);
      Bytes.put16(memory, 8, operands.signExponent);
    } else if (opcode == 0xdf && reg == 4) {
      for (int i = 0; i < 10; i++) {
        memory[i] = (byte) (operands.random.nextInt(10) << 4 | operands.random.nextInt(10));
      }
    } else {
      Bytes.put64(memory, 0, operands.sparse() >> operands.random.nextInt(64));
    }
    return memory;
  }

  int control() {
    return Bytes.get16(image, 0);
  }

  @Override
  public String toString() {
    return "%02x %02x on %s".formatted(opcode, modrm, describe(image, memory));
  }

  /** A state for people. */
  static String describe(byte[] image, byte[] memory) {
    StringBuilder text =
        new StringBuilder(
            "cw %04x sw %04x tw %04x mem %s st"
                .formatted(
                    Bytes.get16(image, 0),
                    Bytes.get16(image, 4),
                    Bytes.get16(image, 8),
                    HexFormat.of().formatHex(memory, 0, 10)));
    for (int i = 0; i < 8; i++) {
      int at = FIRST_REGISTER + 10 * i;
      text.append(" %04x:%016x".formatted(Bytes.get16(image, at + 8), Bytes.get64(image, at)));
      if (i == 1) {
        text.append(" |");
      }
    }
    return text.toString();
  }
}
