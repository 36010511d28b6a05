package dev.lockstep.softcpu;

import dev.lockstep.softcpu.fp.PackedIntegers;
import dev.lockstep.softcpu.fp.PackedShuffles;
import java.util.function.LongBinaryOperator;
import org.jspecify.annotations.Nullable;

/** Which packed-integer function an opcode after 0F means. The same table serves MMX and SSE2. */
final class PackedTable {
  private PackedTable() {}

  /** A function of one 64-bit lane that treats both halves of an XMM register alike; null where the opcode is none. */
  static @Nullable LongBinaryOperator lane(int opcode) {
    return switch (opcode) {
      case 0x164 -> PackedIntegers::compareBytesGreater;
      case 0x165 -> PackedIntegers::compareWordsGreater;
      case 0x166 -> PackedIntegers::compareDwordsGreater;
      case 0x174 -> PackedIntegers::compareBytesEqual;
      case 0x175 -> PackedIntegers::compareWordsEqual;
      case 0x176 -> PackedIntegers::compareDwordsEqual;
      case 0x1d4 -> (a, b) -> a + b;
      case 0x1d5 -> PackedIntegers::multiplyWordsLow;
      case 0x1d8 -> PackedIntegers::subBytesUnsigned;
      case 0x1d9 -> PackedIntegers::subWordsUnsigned;
      case 0x1da -> PackedIntegers::minBytesUnsigned;
      case 0x1db -> (a, b) -> a & b;
      case 0x1dc -> PackedIntegers::addBytesUnsigned;
      case 0x1dd -> PackedIntegers::addWordsUnsigned;
      case 0x1de -> PackedIntegers::maxBytesUnsigned;
      case 0x1df -> (a, b) -> ~a & b;
      case 0x1e0 -> PackedIntegers::averageBytes;
      case 0x1e3 -> PackedIntegers::averageWords;
      case 0x1e4 -> PackedIntegers::multiplyWordsHighUnsigned;
      case 0x1e5 -> PackedIntegers::multiplyWordsHigh;
      default -> upper(opcode);
    };
  }

  private static @Nullable LongBinaryOperator upper(int opcode) {
    return switch (opcode) {
      case 0x1e8 -> PackedIntegers::subBytesSigned;
      case 0x1e9 -> PackedIntegers::subWordsSigned;
      case 0x1ea -> PackedIntegers::minWordsSigned;
      case 0x1eb -> (a, b) -> a | b;
      case 0x1ec -> PackedIntegers::addBytesSigned;
      case 0x1ed -> PackedIntegers::addWordsSigned;
      case 0x1ee -> PackedIntegers::maxWordsSigned;
      case 0x1ef -> (a, b) -> a ^ b;
      case 0x1f4 -> PackedIntegers::multiplyDwordsUnsigned;
      case 0x1f5 -> PackedIntegers::multiplyAddWords;
      case 0x1f6 -> PackedIntegers::sumOfAbsoluteDifferences;
      case 0x1f8 -> PackedIntegers::subBytes;
      case 0x1f9 -> PackedIntegers::subWords;
      case 0x1fa -> PackedIntegers::subDwords;
      case 0x1fb -> (a, b) -> a - b;
      case 0x1fc -> PackedIntegers::addBytes;
      case 0x1fd -> PackedIntegers::addWords;
      case 0x1fe -> PackedIntegers::addDwords;
      default -> null;
    };
  }

  /** A shift of a lane by an unsigned 64-bit count; null where the opcode is none. */
  static @Nullable LongBinaryOperator shift(int opcode) {
    return switch (opcode) {
      case 0x1d1 -> PackedIntegers::shiftRightWords;
      case 0x1d2 -> PackedIntegers::shiftRightDwords;
      case 0x1d3 -> PackedIntegers::shiftRightQword;
      case 0x1e1 -> PackedIntegers::shiftRightWordsSigned;
      case 0x1e2 -> PackedIntegers::shiftRightDwordsSigned;
      case 0x1f1 -> PackedIntegers::shiftLeftWords;
      case 0x1f2 -> PackedIntegers::shiftLeftDwords;
      case 0x1f3 -> PackedIntegers::shiftLeftQword;
      default -> null;
    };
  }

  /** The opcode of the shift by register that a shift by immediate, 0F 71..73 /extension, does; 0 where there is none. */
  static int shiftOfImmediate(int opcode, int extension) {
    int column = opcode - 0x170;
    return switch (extension) {
      case 2 -> 0x1d0 + column;
      case 4 -> column == 3 ? 0 : 0x1e0 + column;
      case 6 -> 0x1f0 + column;
      default -> 0;
    };
  }

  /** Pack and unpack of two 64-bit operands, MMX's way; null where the opcode is none. */
  static @Nullable LongBinaryOperator rearrange(int opcode) {
    return switch (opcode) {
      case 0x160 -> PackedShuffles::unpackLowBytes;
      case 0x161 -> PackedShuffles::unpackLowWords;
      case 0x162 -> PackedShuffles::unpackLowDwords;
      case 0x163 -> PackedShuffles::packWordsSigned;
      case 0x167 -> PackedShuffles::packWordsUnsigned;
      case 0x168 -> PackedShuffles::unpackHighBytes;
      case 0x169 -> PackedShuffles::unpackHighWords;
      case 0x16a -> PackedShuffles::unpackHighDwords;
      case 0x16b -> PackedShuffles::packDwordsSigned;
      default -> null;
    };
  }

  /** The function that gives the upper half of an unpack's result from the same 64-bit operands: the high variant of a low one and of itself. */
  static LongBinaryOperator unpackUpper(int opcode) {
    return switch (opcode) {
      case 0x160, 0x168 -> PackedShuffles::unpackHighBytes;
      case 0x161, 0x169 -> PackedShuffles::unpackHighWords;
      default -> PackedShuffles::unpackHighDwords;
    };
  }

  /** The function that gives the lower half of an unpack's result. */
  static LongBinaryOperator unpackLower(int opcode) {
    return switch (opcode) {
      case 0x160, 0x168 -> PackedShuffles::unpackLowBytes;
      case 0x161, 0x169 -> PackedShuffles::unpackLowWords;
      default -> PackedShuffles::unpackLowDwords;
    };
  }
}
