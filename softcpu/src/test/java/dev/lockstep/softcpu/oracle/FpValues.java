package dev.lockstep.softcpu.oracle;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;

/** FXSAVE images (Intel SDM vol. 1, 10.5.1) with register contents and control words that reach the corners of x87, MMX and SSE arithmetic. */
final class FpValues {
  private static final int MXCSR_DEFAULT = 0x1f80;

  private static final long[] DOUBLES = {
    0,
    1L << 63,
    1,
    1L << 63 | 1,
    0x000f_ffff_ffff_ffffL,
    0x0010_0000_0000_0000L,
    0x7fef_ffff_ffff_ffffL,
    0x7ff0_0000_0000_0000L,
    0xfff0_0000_0000_0000L,
    0x7ff8_0000_0000_0001L,
    0x7ff0_0000_0000_1234L,
    0xfff8_0000_0000_0000L,
    0x3ff0_0000_0000_0000L,
    0xbff0_0000_0000_0000L,
    0x4000_0000_0000_0000L,
    0x43e0_0000_0000_0000L,
    0xc3e0_0000_0000_0000L,
    0x41df_ffff_ffc0_0000L
  };
  private static final int[] FLOATS = {
    0,
    1 << 31,
    1,
    0x007f_ffff,
    0x0080_0000,
    0x7f7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0001,
    0x7f80_1234,
    0xffc0_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x4f00_0000,
    0xcf00_0000,
    0x5f00_0000
  };

  /** Few enough that two operands are often equal, opposite, or both zero in some reading. */
  private static final int[] CLOSE_FLOATS = {0, 1 << 31, 1, 1 << 31 | 1, 0x3f80_0000, 0xbf80_0000};

  private static final long[] CLOSE_DOUBLES = {
    0, 1L << 63, 1, 1L << 63 | 1, 0x3ff0_0000_0000_0000L, 0xbff0_0000_0000_0000L
  };

  private final Random random;

  FpValues(Random random) {
    this.random = random;
  }

  byte[] image(Form form) {
    ByteBuffer image = ByteBuffer.allocate(512).order(ByteOrder.LITTLE_ENDIAN);
    boolean x87 = form.has("x87");
    image.putShort(0, (short) (x87 ? controlWord() : 0x37f));
    image.putInt(24, form.has("sse") ? mxcsr() : MXCSR_DEFAULT);
    image.putInt(28, 0xffff);
    if (x87) {
      int top = random.nextInt(8);
      image.putShort(2, (short) (top << 11 | random.nextInt(8) << 8 & 0x4700));
      image.put(4, (byte) (random.nextInt(3) == 0 ? random.nextInt(256) : 0xff));
    } else if (form.has("mmx")) {
      image.put(4, (byte) 0xff);
    }
    for (int i = 0; i < 8; i++) {
      putExtended(image, 32 + 16 * i, form.has("mmx"));
    }
    if (form.has("small")) {
      image.putLong(32, random.nextLong() | 1L << 63);
      image.putShort(40, (short) (0x3fff - 3 - random.nextInt(40) | random.nextInt(2) << 15));
    }
    for (int i = 0; i < 16; i++) {
      putVector(image, 160 + 16 * i, form);
    }
    return image.array();
  }

  /** All exceptions masked mostly; every precision and rounding mode. */
  private int controlWord() {
    int masks = random.nextInt(8) == 0 ? random.nextInt(64) : 0x3f;
    int precision = new int[] {0, 2, 3, 3}[random.nextInt(4)];
    return masks | 0x40 | precision << 8 | random.nextInt(4) << 10;
  }

  private int mxcsr() {
    int masks = random.nextInt(8) == 0 ? random.nextInt(64) : 0x3f;
    int sticky = random.nextInt(4) == 0 ? random.nextInt(64) & masks : 0;
    int modes = random.nextInt(2) == 0 ? 0 : random.nextInt(4) << 13;
    int zeroing =
        random.nextInt(3) == 0
            ? (random.nextBoolean() ? 1 << 15 : 0) | (random.nextBoolean() ? 1 << 6 : 0)
            : 0;
    return sticky | zeroing | masks << 7 | modes;
  }

  private void putExtended(ByteBuffer image, int at, boolean mmx) {
    long significand = new Values(random).next();
    int exponent;
    if (mmx) {
      exponent = 0xffff;
    } else {
      switch (random.nextInt(8)) {
        case 0 -> exponent = 0;
        case 1 -> exponent = 0x7fff;
        case 2 -> exponent = random.nextInt(0x8000);
        default -> {
          exponent = 0x3fff - 70 + random.nextInt(140);
          significand |= 1L << 63;
        }
      }
      if (random.nextInt(6) == 0) {
        significand = 1L << 63;
      }
      if (exponent == 0x7fff && random.nextBoolean()) {
        significand |= 1L << 63;
      }
      if (random.nextBoolean()) {
        exponent |= 0x8000;
      }
    }
    image.putLong(at, significand);
    image.putShort(at + 8, (short) exponent);
  }

  private void putVector(ByteBuffer image, int at, Form form) {
    for (int half = 0; half < 16; half += 8) {
      image.putLong(
          at + half,
          form.has("single")
              ? floats()
              : form.has("double") ? doubleBits() : new Values(random).next());
    }
  }

  private long floats() {
    return (long) floatBits() << 32 | floatBits() & 0xffffffffL;
  }

  /** Special values, near neighbours of 1, integers and noise. */
  int floatBits() {
    return switch (random.nextInt(7)) {
      case 0 -> FLOATS[random.nextInt(FLOATS.length)];
      case 1 -> Float.floatToRawIntBits(1 + (random.nextInt(64) - 32) * Math.ulp(1f));
      case 2 -> Float.floatToRawIntBits(random.nextInt(1 << 20) - (1 << 19));
      case 3 -> random.nextInt() & 0x807f_ffff | (random.nextInt(40) + 108) << 23;
      case 4 -> CLOSE_FLOATS[random.nextInt(CLOSE_FLOATS.length)];
      // NaNs, quiet and signalling: often enough that both operands are, with payloads that differ.
      case 5 -> random.nextInt() | 0x7f80_0000;
      default -> random.nextInt();
    };
  }

  /** As {@link #floatBits}. */
  long doubleBits() {
    return switch (random.nextInt(7)) {
      case 0 -> DOUBLES[random.nextInt(DOUBLES.length)];
      case 1 -> Double.doubleToRawLongBits(1 + (random.nextInt(64) - 32) * Math.ulp(1d));
      case 2 -> Double.doubleToRawLongBits((random.nextLong() >> random.nextInt(60)));
      case 3 ->
          random.nextLong() & 0x800f_ffff_ffff_ffffL | (long) (random.nextInt(80) + 983) << 52;
      case 4 -> CLOSE_DOUBLES[random.nextInt(CLOSE_DOUBLES.length)];
      case 5 -> random.nextLong() | 0x7ff0_0000_0000_0000L;
      default -> random.nextLong();
    };
  }

  /** Memory operands of floating-point instructions: eight bytes of the form's kind. */
  long memory(Form form) {
    return form.has("single") ? floats() : doubleBits();
  }
}
