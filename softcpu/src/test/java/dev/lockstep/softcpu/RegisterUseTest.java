package dev.lockstep.softcpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** What no user program can execute is known by its registers as well; the oracle's {@code RegisterUseOracleTest} executes the rest. */
final class RegisterUseTest {
  private static final long SP = 1 << 4;
  private static final long FLAGS = 1L << RegisterUse.FLAGS;
  private static final long IP = 1L << RegisterUse.INSTRUCTION_POINTER;
  private static final int[] PREFIXES = {0, 0x66, 0xf2, 0xf3};

  @Test
  void whatTheOracleCannotExecute() {
    // IN, OUT, far transfers, system calls and the like, from the manual.
    assertThat(use(64, "e4 60")).isEqualTo(use(0b1, 0b1));
    assertThat(use(64, "e5 60")).isEqualTo(use(0, 0b1));
    assertThat(use(64, "ee")).isEqualTo(use(0b101, 0));
    assertThat(use(64, "f3 6e")).isEqualTo(use(0b0100_0110 | FLAGS, 0b0100_0010));
    assertThat(use(64, "0f 05")).isEqualTo(use(FLAGS | IP, 0b1000_0000_0010 | FLAGS | IP));
    assertThat(use(64, "48 0f 07")).isEqualTo(use(0b1000_0000_0010, FLAGS | IP));
    assertThat(use(64, "48 cf")).isEqualTo(use(SP, SP | FLAGS | IP));
    assertThat(use(64, "cd 80")).isEqualTo(use(SP | FLAGS | IP, SP | FLAGS | IP));
    assertThat(use(32, "9a 00 00 00 00 08 00")).isEqualTo(use(SP | IP, SP | IP));
    assertThat(use(32, "ea 00 00 00 00 08 00")).isEqualTo(use(0, IP));
    assertThat(use(64, "48 ff 2b")).isEqualTo(use(0b1000, IP));
    assertThat(use(64, "48 cb")).isEqualTo(use(SP, SP | IP));
    assertThat(use(64, "0f 22 d8")).isEqualTo(use(0b1, 0));
    assertThat(use(64, "0f 20 d9")).isEqualTo(use(0, 0b10));
    assertThat(use(64, "0f 30")).isEqualTo(use(0b111, 0));
    assertThat(use(64, "0f 32")).isEqualTo(use(0b10, 0b101));
    assertThat(use(64, "0f 31")).isEqualTo(use(0, 0b101));
    assertThat(use(64, "0f a2")).isEqualTo(use(0b11, 0b1111));
    assertThat(use(64, "fa")).isEqualTo(use(0, FLAGS));
    assertThat(use(64, "8e d8")).isEqualTo(use(0b1, 0));
    assertThat(use(64, "0f 00 d8")).isEqualTo(use(0b1, 0));
    assertThat(use(64, "0f 01 3b")).isEqualTo(use(0b1000, 0));
    assertThat(use(64, "f4")).isEqualTo(use(0, 0));
  }

  @Test
  void branchesReadTheInstructionPointerWhereTheyGoToADistanceOrSaveIt() {
    assertThat(use(64, "75 00")).isEqualTo(use(FLAGS | IP, IP));
    assertThat(use(64, "0f 85 00 00 00 00")).isEqualTo(use(FLAGS | IP, IP));
    assertThat(use(64, "e2 00")).isEqualTo(use(0b10 | IP, 0b10 | IP));
    assertThat(use(64, "e3 00")).isEqualTo(use(0b10 | IP, IP));
    assertThat(use(64, "eb 00")).isEqualTo(use(IP, IP));
    assertThat(use(64, "ff e0")).isEqualTo(use(0b1, IP));
    assertThat(use(64, "ff 25 00 00 00 00")).isEqualTo(use(0, IP));
    assertThat(use(64, "e8 00 00 00 00")).isEqualTo(use(SP | IP, SP | IP));
    assertThat(use(64, "ff d3")).isEqualTo(use(0b1000 | SP | IP, SP | IP));
    assertThat(use(64, "c3")).isEqualTo(use(SP, SP | IP));
    assertThat(use(64, "48 8b 05 00 00 00 00")).isEqualTo(use(0, 0b1));
  }

  @Test
  void ofEveryInstructionSomethingIsKnown() {
    int known = 0;
    for (int bits : new int[] {64, 32, 16}) {
      for (int opcode = 0; opcode < 0x200; opcode++) {
        for (int prefix : PREFIXES) {
          for (int modrm = 0; modrm < 0x100; modrm++) {
            known += isKnown(bits, prefix, opcode, modrm) ? 1 : 0;
          }
        }
      }
    }
    assertThat(known).isGreaterThan(100_000);
  }

  private static boolean isKnown(int bits, int prefix, int opcode, int modrm) {
    byte[] window = new byte[Decoder.MAX_LENGTH];
    int at = 0;
    if (prefix != 0) {
      window[at++] = (byte) prefix;
    }
    if (opcode >= 0x100) {
      window[at++] = 0x0f;
    }
    window[at++] = (byte) opcode;
    window[at] = (byte) modrm;
    int mode = bits == 64 ? CodeMode.LONG64 : bits == 32 ? CodeMode.PROT32 : CodeMode.PROT16;
    Decoder decoder = new Decoder();
    Insn insn = decoder.decode(mode, 0, window, window.length);
    if (decoder.tooLong() || OpDecode.decode(insn) instanceof UndefinedOp) {
      return false;
    }
    RegisterUse.of(bits, Arrays.copyOf(window, insn.length));
    return true;
  }

  @Test
  void whatIsNoWholeInstructionIsRefused() {
    assertThatThrownBy(() -> use(64, "90 90")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> use(64, "e8 00")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> use(8, "90")).isInstanceOf(IllegalArgumentException.class);
    assertThat(use(64, "0f 0b")).isEqualTo(use(0, 0));
  }

  private static RegisterUse use(long reads, long writes) {
    return new RegisterUse(reads, writes);
  }

  private static RegisterUse use(int bits, String code) {
    return RegisterUse.of(bits, HexFormat.of().parseHex(code.replace(" ", "")));
  }
}
