package dev.lockstep.softcpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.softcpu.oracle.FormTables;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * Everything that the decoder makes an operation of is either a form of the oracle or in the list of what ring 3 cannot show. What is tried is every opcode of both maps with every mandatory prefix and every
 * ModRM byte, in 64- and 32-bit code.
 */
class FormCoverageTest {
  private static final int[] PREFIXES = {0, 0x66, 0xf2, 0xf3};
  private static final int[] MODES = {CodeMode.LONG64, CodeMode.PROT32};
  private static final int TWO_BYTE = 0x100;

  private final FormTables tables = new FormTables();

  @Test
  void everyOperationIsInOneOfTheLists() {
    TreeSet<String> missing = new TreeSet<>();
    int defined = 0;
    for (int mode : MODES) {
      for (int opcode = 0; opcode < 2 * TWO_BYTE; opcode++) {
        if (isPrefix(opcode, mode)) {
          continue;
        }
        boolean escape = opcode >= 0xd8 && opcode < 0xe0;
        boolean modrm = escape || (OpcodeTable.flags(opcode) & OpcodeTable.MODRM) != 0;
        for (int prefix : PREFIXES) {
          for (int byteAfter = 0; byteAfter < (modrm ? 256 : 1); byteAfter++) {
            if (isDefined(mode, prefix, opcode, byteAfter)) {
              defined++;
              boolean exact =
                  opcode >= TWO_BYTE && (OpcodeTable.flags(opcode) & OpcodeTable.FP) != 0;
              if (!tables.cover(prefix, opcode, modrm ? byteAfter : -1, exact)) {
                missing.add(name(prefix, opcode, modrm ? byteAfter : -1));
              }
            }
          }
        }
      }
    }
    System.out.printf("forms: %d encodings without operands are defined%n", defined);
    assertThat(missing).as("encodings that no list has").isEmpty();
    assertThat(tables.unused()).as("lines of not-in-ring-3.txt that name nothing").isEmpty();
  }

  private static boolean isPrefix(int opcode, int mode) {
    return switch (opcode) {
      case 0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3 -> true;
      default -> mode == CodeMode.LONG64 && (opcode & ~0xf) == 0x40;
    };
  }

  private static boolean isDefined(int mode, int prefix, int opcode, int modrm) {
    byte[] code = new byte[Decoder.MAX_LENGTH];
    int at = 0;
    if (prefix != 0) {
      code[at++] = (byte) prefix;
    }
    if (opcode >= TWO_BYTE) {
      code[at++] = 0x0f;
    }
    code[at++] = (byte) opcode;
    code[at] = (byte) modrm;
    Insn insn = new Decoder().decode(mode, 0x1000, code, code.length);
    return !(OpDecode.decode(insn) instanceof UndefinedOp);
  }

  private static String name(int prefix, int opcode, int modrm) {
    String bytes =
        opcode >= TWO_BYTE ? "0F.%02X".formatted(opcode & 0xff) : "%02X".formatted(opcode);
    String mandatory = prefix == 0 ? "" : "%02X.".formatted(prefix);
    if (modrm < 0) {
      return mandatory + bytes;
    }
    if (opcode >= 0xd8 && opcode < 0xe0 && modrm >= 0xc0) {
      return "%s%s.%02X".formatted(mandatory, bytes, modrm);
    }
    return "%s%s /%d %s"
        .formatted(mandatory, bytes, modrm >> 3 & 7, modrm < 0xc0 ? "memory" : "register");
  }
}
