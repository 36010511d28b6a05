package dev.lockstep.softcpu.fp;

import dev.lockstep.softcpu.fp.LaneModel.Lane;
import java.util.ArrayList;
import java.util.List;

/**
 * Packed integer instructions that work on each half by itself: their opcode after 0F (MMX) and 66 0F (SSE2), the kernel under test, and the model. The count of a shift is the whole second operand.
 */
record PackedForm(String name, int opcode, Kernel kernel, Kernel model, boolean isShift) {
  /** One 64-bit half of a destination and of a source. */
  interface Kernel {
    long of(long a, long b);
  }

  static List<PackedForm> all() {
    List<PackedForm> forms = new ArrayList<>();
    additions(forms);
    subtractions(forms);
    products(forms);
    comparisons(forms);
    shifts(forms);
    return forms;
  }

  private static void additions(List<PackedForm> f) {
    signed(f, "paddb", 0xfc, 8, PackedIntegers::addBytes, (a, b) -> a + b);
    signed(f, "paddw", 0xfd, 16, PackedIntegers::addWords, (a, b) -> a + b);
    signed(f, "paddd", 0xfe, 32, PackedIntegers::addDwords, (a, b) -> a + b);
    signed(f, "paddq", 0xd4, 64, (a, b) -> a + b, (a, b) -> a + b);
    signed(f, "paddsb", 0xec, 8, PackedIntegers::addBytesSigned, (a, b) -> byteOf(a + b));
    signed(f, "paddsw", 0xed, 16, PackedIntegers::addWordsSigned, (a, b) -> wordOf(a + b));
    unsigned(
        f, "paddusb", 0xdc, 8, PackedIntegers::addBytesUnsigned, (a, b) -> Math.min(a + b, 255));
    unsigned(
        f, "paddusw", 0xdd, 16, PackedIntegers::addWordsUnsigned, (a, b) -> Math.min(a + b, 65535));
    unsigned(f, "pavgb", 0xe0, 8, PackedIntegers::averageBytes, (a, b) -> a + b + 1 >> 1);
    unsigned(f, "pavgw", 0xe3, 16, PackedIntegers::averageWords, (a, b) -> a + b + 1 >> 1);
  }

  private static void subtractions(List<PackedForm> f) {
    signed(f, "psubb", 0xf8, 8, PackedIntegers::subBytes, (a, b) -> a - b);
    signed(f, "psubw", 0xf9, 16, PackedIntegers::subWords, (a, b) -> a - b);
    signed(f, "psubd", 0xfa, 32, PackedIntegers::subDwords, (a, b) -> a - b);
    signed(f, "psubq", 0xfb, 64, (a, b) -> a - b, (a, b) -> a - b);
    signed(f, "psubsb", 0xe8, 8, PackedIntegers::subBytesSigned, (a, b) -> byteOf(a - b));
    signed(f, "psubsw", 0xe9, 16, PackedIntegers::subWordsSigned, (a, b) -> wordOf(a - b));
    unsigned(f, "psubusb", 0xd8, 8, PackedIntegers::subBytesUnsigned, (a, b) -> Math.max(a - b, 0));
    unsigned(
        f, "psubusw", 0xd9, 16, PackedIntegers::subWordsUnsigned, (a, b) -> Math.max(a - b, 0));
    unsigned(f, "pminub", 0xda, 8, PackedIntegers::minBytesUnsigned, Math::min);
    unsigned(f, "pmaxub", 0xde, 8, PackedIntegers::maxBytesUnsigned, Math::max);
    signed(f, "pminsw", 0xea, 16, PackedIntegers::minWordsSigned, Math::min);
    signed(f, "pmaxsw", 0xee, 16, PackedIntegers::maxWordsSigned, Math::max);
    add(f, "psadbw", 0xf6, PackedIntegers::sumOfAbsoluteDifferences, PackedForm::sumOfDifferences);
  }

  private static void products(List<PackedForm> f) {
    signed(f, "pmullw", 0xd5, 16, PackedIntegers::multiplyWordsLow, (a, b) -> a * b);
    signed(f, "pmulhw", 0xe5, 16, PackedIntegers::multiplyWordsHigh, (a, b) -> a * b >> 16);
    unsigned(
        f, "pmulhuw", 0xe4, 16, PackedIntegers::multiplyWordsHighUnsigned, (a, b) -> a * b >> 16);
    add(
        f,
        "pmuludq",
        0xf4,
        PackedIntegers::multiplyDwordsUnsigned,
        (a, b) -> LaneModel.cut(a, 32) * LaneModel.cut(b, 32));
    signed(
        f,
        "pmaddwd",
        0xf5,
        32,
        PackedIntegers::multiplyAddWords,
        (a, b) -> (long) (short) a * (short) b + (a >> 16) * (b >> 16));
  }

  private static void comparisons(List<PackedForm> f) {
    signed(f, "pcmpeqb", 0x74, 8, PackedIntegers::compareBytesEqual, (a, b) -> a == b ? -1 : 0);
    signed(f, "pcmpeqw", 0x75, 16, PackedIntegers::compareWordsEqual, (a, b) -> a == b ? -1 : 0);
    signed(f, "pcmpeqd", 0x76, 32, PackedIntegers::compareDwordsEqual, (a, b) -> a == b ? -1 : 0);
    signed(f, "pcmpgtb", 0x64, 8, PackedIntegers::compareBytesGreater, (a, b) -> a > b ? -1 : 0);
    signed(f, "pcmpgtw", 0x65, 16, PackedIntegers::compareWordsGreater, (a, b) -> a > b ? -1 : 0);
    signed(f, "pcmpgtd", 0x66, 32, PackedIntegers::compareDwordsGreater, (a, b) -> a > b ? -1 : 0);
  }

  private static void shifts(List<PackedForm> f) {
    shift(f, "psllw", 0xf1, 16, PackedIntegers::shiftLeftWords, 'l');
    shift(f, "pslld", 0xf2, 32, PackedIntegers::shiftLeftDwords, 'l');
    shift(f, "psllq", 0xf3, 64, PackedIntegers::shiftLeftQword, 'l');
    shift(f, "psrlw", 0xd1, 16, PackedIntegers::shiftRightWords, 'r');
    shift(f, "psrld", 0xd2, 32, PackedIntegers::shiftRightDwords, 'r');
    shift(f, "psrlq", 0xd3, 64, PackedIntegers::shiftRightQword, 'r');
    shift(f, "psraw", 0xe1, 16, PackedIntegers::shiftRightWordsSigned, 'a');
    shift(f, "psrad", 0xe2, 32, PackedIntegers::shiftRightDwordsSigned, 'a');
  }

  private static void signed(
      List<PackedForm> f, String name, int opcode, int width, Kernel kernel, Lane lane) {
    add(f, name, opcode, kernel, (a, b) -> LaneModel.signed(width, a, b, lane));
  }

  private static void unsigned(
      List<PackedForm> f, String name, int opcode, int width, Kernel kernel, Lane lane) {
    add(f, name, opcode, kernel, (a, b) -> LaneModel.unsigned(width, a, b, lane));
  }

  private static void add(
      List<PackedForm> f, String name, int opcode, Kernel kernel, Kernel model) {
    f.add(new PackedForm(name, opcode, kernel, model, false));
  }

  private static void shift(
      List<PackedForm> f, String name, int opcode, int width, Kernel kernel, char kind) {
    Kernel model =
        (a, count) ->
            LaneModel.signed(
                width, a, 0, (lane, none) -> LaneModel.shift(width, lane, count, kind));
    f.add(new PackedForm(name, opcode, kernel, model, true));
  }

  private static long byteOf(long value) {
    return LaneModel.saturate(value, -128, 127);
  }

  private static long wordOf(long value) {
    return LaneModel.saturate(value, -32768, 32767);
  }

  private static long sumOfDifferences(long a, long b) {
    long sum = 0;
    for (int at = 0; at < 64; at += 8) {
      sum += Math.abs(LaneModel.cut(a >>> at, 8) - LaneModel.cut(b >>> at, 8));
    }
    return sum;
  }
}
