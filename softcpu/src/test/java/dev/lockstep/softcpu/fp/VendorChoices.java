package dev.lockstep.softcpu.fp;

import org.jspecify.annotations.Nullable;

/**
 * Compares a state after an x87 instruction with the host's, leaving out what the manuals leave open or what makers do differently:
 *
 * <ul>
 *   <li>Transcendental functions: the last place of the result, and with it C1 (SDM vol. 1 8.3.10).
 *   <li>F2XM1 and FYL2XP1 outside the range of their argument (SDM vol. 2): everything.
 *   <li>Comparisons with an unmasked exception: C0, C2, C3 and RFLAGS. SDM vol. 2, FCOM and FCOMI: they are not set; AMD sets them.
 *   <li>FCOMI and its kin: C1. SDM vol. 2: cleared; AMD leaves it.
 * </ul>
 */
final class VendorChoices {
  private static final int CODES = X87State.C0 | X87State.C2 | X87State.C3;
  private static final int STATUS_AT = 4;
  private static final int TOP_AT = X87Case.FIRST_REGISTER;

  private VendorChoices() {}

  /**
   * Whether AMD's processors, which ours follow, and Intel's may differ in anything, seen on an Intel family 6 model 167: transcendental results near the denormals (the last place, and whether underflow is
   * told), and remainders and scaling of denormals with underflow unmasked.
   */
  static boolean isOpenOnOtherMakers(X87Case given, byte[] ours, byte[] host) {
    boolean unmasked =
        ((Bytes.get16(ours, STATUS_AT) | Bytes.get16(host, STATUS_AT)) & X87State.ES) != 0;
    boolean exact =
        given.opcode() == 0xd9
            && (given.modrm() == 0xf5 || given.modrm() == 0xf8 || given.modrm() == 0xfd);
    return isTranscendental(given) || unmasked && exact;
  }

  /** What differs and must not, or null. */
  static @Nullable String difference(
      X87Case given, byte[] ours, X87Dispatch dispatch, byte[] host, byte[] memory, int rflags) {
    if (isUndefined(given)) {
      return null;
    }
    boolean open = isComparison(given) && (Bytes.get16(host, STATUS_AT) & X87State.ES) != 0;
    int ignored =
        (open ? CODES : 0) | (isTranscendental(given) || isFlagComparison(given) ? X87State.C1 : 0);
    if (Bytes.get32(ours, 0) != Bytes.get32(host, 0)) {
      return "control";
    }
    if (((Bytes.get16(ours, STATUS_AT) ^ Bytes.get16(host, STATUS_AT)) & ~ignored) != 0) {
      return "status";
    }
    if (Bytes.get32(ours, 8) != Bytes.get32(host, 8)) {
      return "tags";
    }
    if (!registersAgree(given, ours, host)) {
      return "registers";
    }
    for (int i = 0; i < 16; i++) {
      if (memory[i] != dispatch.memory[i]) {
        return "memory";
      }
    }
    return open || rflags == dispatch.rflags ? null : "rflags";
  }

  private static boolean registersAgree(X87Case given, byte[] ours, byte[] host) {
    for (int i = 0; i < 8; i++) {
      int at = TOP_AT + 10 * i;
      long distance = Bytes.get64(ours, at) - Bytes.get64(host, at);
      int exponents = Bytes.get16(ours, at + 8) - Bytes.get16(host, at + 8);
      if (distance == 0 && exponents == 0) {
        continue;
      }
      boolean near = exponents == 0 && Math.abs(distance) == 1;
      if (i > 1 || !isTranscendental(given) || !(near || acrossPower(ours, host, at))) {
        return false;
      }
    }
    return true;
  }

  /** The greater is a power of two and the lesser the last value below. */
  private static boolean acrossPower(byte[] ours, byte[] host, int at) {
    int exponents = Bytes.get16(ours, at + 8) - Bytes.get16(host, at + 8);
    byte[] greater = exponents > 0 ? ours : host;
    byte[] lesser = exponents > 0 ? host : ours;
    return Math.abs(exponents) == 1
        && Bytes.get64(greater, at) == Long.MIN_VALUE
        && Bytes.get64(lesser, at) == -1L;
  }

  private static boolean isTranscendental(X87Case given) {
    return given.opcode() == 0xd9
        && switch (given.modrm()) {
          case 0xf0, 0xf1, 0xf2, 0xf3, 0xf9, 0xfb, 0xfe, 0xff -> true;
          default -> false;
        };
  }

  /** ST(0) of F2XM1 beyond ±1, of FYL2XP1 beyond ±(1 - sqrt(1/2)) = 0.2928...; infinities and NaNs are defined. */
  private static boolean isUndefined(X87Case given) {
    if (given.opcode() != 0xd9 || given.modrm() != 0xf0 && given.modrm() != 0xf9) {
      return false;
    }
    int exponent = Bytes.get16(given.image(), TOP_AT + 8) & 0x7fff;
    int limit = given.modrm() == 0xf0 ? 0x3fff : 0x3ffd;
    return exponent >= limit && (exponent < 0x7fff || given.modrm() == 0xf9);
  }

  private static boolean isComparison(X87Case given) {
    int reg = given.modrm() >>> 3 & 7;
    return switch (given.opcode()) {
      case 0xd8, 0xdc -> reg == 2 || reg == 3;
      case 0xd9 -> given.modrm() == 0xe4;
      case 0xda, 0xde -> given.modrm() < 0xc0 ? reg == 2 || reg == 3 : reg == 3 || reg == 5;
      case 0xdb, 0xdf -> given.modrm() >= 0xc0 && (reg == 5 || reg == 6);
      case 0xdd -> given.modrm() >= 0xc0 && (reg == 4 || reg == 5);
      default -> false;
    };
  }

  private static boolean isFlagComparison(X87Case given) {
    return given.opcode() == 0xdb && isComparison(given)
        || given.opcode() == 0xdf && isComparison(given);
  }
}
