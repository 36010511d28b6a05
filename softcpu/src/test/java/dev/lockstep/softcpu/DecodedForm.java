package dev.lockstep.softcpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * One entry of the decode table: what the decoder and the makers of operations tell apart. Tests compare these with the forms that the oracle executes.
 *
 * @param bits of the code segment: 64, 32 or 16
 * @param opcode as in {@link Insn}; the lowest of eight where the low bits name a register
 * @param digit ModRM.reg where it selects the instruction, else -1
 * @param rm ModRM.rm where it selects the instruction (x87), else -1
 * @param p66 prefix 66 is present
 * @param rexW REX.W is set
 * @param rep 0, 0xf2 or 0xf3
 * @param operand how the r/m operand or the implied memory operand is given
 * @param lock LOCK is present
 */
public record DecodedForm(
    int bits,
    int opcode,
    int digit,
    int rm,
    boolean p66,
    boolean rexW,
    int rep,
    String operand,
    boolean lock) {

  /** The operand of forms without one. */
  public static final String NONE = "none";

  /** A register by ModRM. */
  public static final String REGISTER = "register";

  /** In place of all of a form's operands, sizes and LOCK where a prefix that means nothing is looked at. */
  public static final String ANY = "any";

  private static final long RIP = 0x10_0000;
  private static final int[] REPS = {0, 0xf2, 0xf3};

  /** MOD and RM, and a SIB byte, of each way to name a memory operand. */
  private static final int[][] OPERANDS = {
    {0x03, 0}, {0x43, 0}, {0x83, 0}, {0x05, 0}, {0x04, 0x25}, {0x04, 0x35}, {0x44, 0x33}
  };

  /** The entry that an instruction belongs to. */
  public static DecodedForm of(int bits, byte[] code) {
    byte[] window = new byte[Decoder.MAX_LENGTH];
    System.arraycopy(code, 0, window, 0, code.length);
    Insn insn = new Decoder().decode(mode(bits), RIP, window, window.length);
    if (insn.length != code.length) {
      throw new IllegalArgumentException("%s takes %d bytes".formatted(insn, code.length));
    }
    return of(bits, insn);
  }

  /** Every entry of which an operation is made. */
  public static Set<DecodedForm> all() {
    Set<DecodedForm> found = new LinkedHashSet<>();
    for (int bits : new int[] {64, 32, 16}) {
      for (int opcode = 0; opcode < 0x200; opcode++) {
        if (!isPrefix(bits, opcode)) {
          for (byte[] prefixes : prefixes(bits)) {
            addAll(found, bits, prefixes, opcode);
          }
        }
      }
    }
    return found;
  }

  private static int mode(int bits) {
    return switch (bits) {
      case 64 -> CodeMode.LONG64;
      case 32 -> CodeMode.COMPAT32;
      default -> CodeMode.COMPAT16;
    };
  }

  private static boolean isPrefix(int bits, int opcode) {
    return switch (opcode) {
      case 0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3 -> true;
      default -> bits == 64 && (opcode & ~0xf) == 0x40;
    };
  }

  /** Every subset of LOCK, 67, a segment, 66, REX.W, with no, with the one and with the other REP prefix. */
  private static List<byte[]> prefixes(int bits) {
    List<byte[]> all = new ArrayList<>();
    for (int set = 0; set < (bits == 64 ? 32 : 16); set++) {
      for (int rep : REPS) {
        byte[] bytes = new byte[6];
        int at = 0;
        int[] values = {0xf0, 0x67, 0x64, 0x66};
        for (int i = 0; i < values.length; i++) {
          if ((set >> i & 1) != 0) {
            bytes[at++] = (byte) values[i];
          }
        }
        if (rep != 0) {
          bytes[at++] = (byte) rep;
        }
        if (set >= 16) {
          bytes[at++] = 0x48;
        }
        all.add(Arrays.copyOf(bytes, at));
      }
    }
    return all;
  }

  /** An opcode behind prefixes, with every ModRM that differs. */
  private static void addAll(Set<DecodedForm> found, int bits, byte[] prefixes, int opcode) {
    boolean modrm = (OpcodeTable.flags(opcode) & OpcodeTable.MODRM) != 0;
    if (!modrm) {
      add(found, bits, prefixes, opcode, 0, 0);
      return;
    }
    for (int reg = 0; reg < 8; reg++) {
      for (int[] operand : OPERANDS) {
        add(found, bits, prefixes, opcode, operand[0] | reg << 3, operand[1]);
      }
      for (int rm = 0; rm < 8; rm++) {
        add(found, bits, prefixes, opcode, 0xc0 | reg << 3 | rm, 0);
      }
    }
  }

  private static void add(
      Set<DecodedForm> found, int bits, byte[] prefixes, int opcode, int modrm, int sib) {
    byte[] window = new byte[Decoder.MAX_LENGTH + 8];
    int at = prefixes.length;
    System.arraycopy(prefixes, 0, window, 0, at);
    if (opcode >= 0x100) {
      window[at++] = 0x0f;
    }
    window[at++] = (byte) opcode;
    window[at++] = (byte) modrm;
    window[at] = (byte) sib;
    Decoder decoder = new Decoder();
    Insn insn = decoder.decode(mode(bits), RIP, window, Decoder.MAX_LENGTH);
    if (!decoder.tooLong() && !(OpDecode.decode(insn) instanceof UndefinedOp)) {
      found.add(of(bits, insn));
    }
  }

  private static DecodedForm of(int bits, Insn insn) {
    int opcode = insn.opcode;
    boolean x87 = opcode >= 0xd8 && opcode <= 0xdf;
    int digit = isGroup(opcode) ? insn.extension : -1;
    int rm = x87 && insn.isRegister() ? insn.modrm & 7 : -1;
    boolean rexW = (insn.rex & 8) != 0;
    if (insn.repeat != 0 && !repeatMatters(opcode)) {
      return new DecodedForm(
          bits, folded(opcode), digit, rm, false, false, insn.repeat, ANY, false);
    }
    return new DecodedForm(
        bits,
        folded(opcode),
        digit,
        rm,
        insn.prefix66,
        rexW,
        insn.repeat,
        operand(bits, insn),
        insn.lock);
  }

  /** Opcodes with a register in their low three bits are one. */
  private static int folded(int opcode) {
    boolean eight =
        opcode >= 0x40 && opcode < 0x60
            || opcode >= 0x90 && opcode < 0x98
            || opcode >= 0xb0 && opcode < 0xc0
            || opcode >= 0x1c8 && opcode < 0x1d0;
    return eight ? opcode & ~7 : opcode;
  }

  private static boolean isGroup(int opcode) {
    return switch (opcode) {
      case 0x80, 0x81, 0x82, 0x83, 0x8f, 0xc0, 0xc1, 0xc6, 0xc7, 0xd0, 0xd1, 0xd2, 0xd3 -> true;
      case 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xf6, 0xf7, 0xfe, 0xff -> true;
      case 0x100, 0x101, 0x171, 0x172, 0x173, 0x1ae, 0x1ba, 0x1c7 -> true;
      default -> false;
    };
  }

  /** F2 and F3 repeat string instructions, select vector instructions, and make PAUSE of NOP. Elsewhere they mean nothing (Intel SDM vol. 2A 2.1.1), or something that is not announced. */
  private static boolean repeatMatters(int opcode) {
    boolean string =
        opcode >= 0x6c && opcode <= 0x6f
            || opcode >= 0xa4 && opcode <= 0xa7
            || opcode >= 0xaa && opcode <= 0xaf;
    boolean vector = opcode >= 0x110 && (OpcodeTable.flags(opcode) & OpcodeTable.FP) != 0;
    return string || vector;
  }

  private static String operand(int bits, Insn insn) {
    int opcode = insn.opcode;
    if (insn.modrm < 0) {
      boolean addressed =
          opcode >= 0x6c && opcode <= 0x6f
              || opcode >= 0xa0 && opcode <= 0xa7
              || opcode >= 0xaa && opcode <= 0xaf
              || opcode >= 0xe0 && opcode <= 0xe3
              || opcode == 0xd7;
      return addressed ? "address " + 8 * insn.addressSize : NONE;
    }
    if (insn.isRegister()) {
      return opcode == 0x1f7 ? "rdi of " + 8 * insn.addressSize : REGISTER;
    }
    if (insn.segmentOverride >= 0) {
      return "override";
    }
    if (insn.addressSize == 2 || bits == 64 && insn.addressSize == 4) {
      return "address " + 8 * insn.addressSize;
    }
    return addressing(bits, insn);
  }

  /** By ModRM and SIB, of 32 and 64 bits. */
  private static String addressing(int bits, Insn insn) {
    int mod = insn.modrm >> 6;
    int at = 0;
    while ((insn.bytes[at] & 0xff) != (insn.opcode & 0xff)
        || (insn.bytes[at + 1] & 0xff) != insn.modrm) {
      at++;
    }
    boolean withSib = (insn.modrm & 7) == 4;
    int sib = withSib ? insn.bytes[at + 2] & 0xff : 0;
    boolean index = withSib && ((sib >> 3 & 7) != 4 || (insn.rex & 2) != 0);
    boolean noBase = mod == 0 && (withSib ? sib & 7 : insn.modrm & 7) == 5;
    if (noBase) {
      return index ? "index, no base" : withSib || bits != 64 ? "absolute" : "relative to RIP";
    }
    return index ? "base, index" : "base" + (mod == 0 ? "" : mod == 1 ? " + 8" : " + 32");
  }

  @Override
  public String toString() {
    return "%s%02X%s%s%s%s%s%s %s"
        .formatted(
            opcode >= 0x100 ? "0F." : "",
            opcode & 0xff,
            digit < 0 ? "" : "/" + digit,
            rm < 0 ? "" : "." + rm,
            p66 ? " 66" : "",
            rexW ? " W" : "",
            rep == 0 ? "" : " %X".formatted(rep),
            lock ? " LOCK" : "",
            operand + " " + bits);
  }
}
