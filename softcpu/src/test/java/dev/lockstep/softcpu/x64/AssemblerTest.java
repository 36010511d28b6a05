package dev.lockstep.softcpu.x64;

import static dev.lockstep.softcpu.x64.Assembler.R12;
import static dev.lockstep.softcpu.x64.Assembler.R13;
import static dev.lockstep.softcpu.x64.Assembler.R15;
import static dev.lockstep.softcpu.x64.Assembler.R8;
import static dev.lockstep.softcpu.x64.Assembler.R9;
import static dev.lockstep.softcpu.x64.Assembler.RAX;
import static dev.lockstep.softcpu.x64.Assembler.RBP;
import static dev.lockstep.softcpu.x64.Assembler.RBX;
import static dev.lockstep.softcpu.x64.Assembler.RCX;
import static dev.lockstep.softcpu.x64.Assembler.RDX;
import static dev.lockstep.softcpu.x64.Assembler.RSI;
import static dev.lockstep.softcpu.x64.Assembler.RSP;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.softcpu.x64.Assembler.Label;
import dev.lockstep.softcpu.x64.Assembler.Mem;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Encodings with something special about them, as the manual has them (Intel SDM vol. 2A, 2.1.5 and 2.2.1). */
final class AssemblerTest {
  private static Arguments is(String hex, Consumer<Assembler> what) {
    return Arguments.of(hex, what);
  }

  static List<Arguments> encodings() {
    return List.of(
        is("89 d8", a -> a.mov(4, RAX, RBX)),
        is("4d 89 c8", a -> a.mov(8, R8, R9)),
        is("66 89 d8", a -> a.mov(2, RAX, RBX)),
        // SIL needs REX, or it would be DH.
        is("40 88 f0", a -> a.mov(1, RAX, RSI)),
        is("88 d8", a -> a.mov(1, RAX, RBX)),
        // RBP and R13 have no form without displacement, RSP and R12 none without SIB.
        is("48 8b 45 00", a -> a.load(8, RAX, Mem.of(RBP, 0))),
        is("49 8b 45 00", a -> a.load(8, RAX, Mem.of(R13, 0))),
        is("48 8b 04 24", a -> a.load(8, RAX, Mem.of(RSP, 0))),
        is("49 8b 44 24 08", a -> a.load(8, RAX, Mem.of(R12, 8))),
        is("48 8b 80 00 01 00 00", a -> a.load(8, RAX, Mem.of(RAX, 0x100))),
        is("4a 8b 0c 38", a -> a.load(8, RCX, Mem.sum(RAX, R15))),
        is("4b 8d 44 c5 f0", a -> a.lea(8, RAX, new Mem(R13, R8, 3, -16))),
        is("b8 01 00 00 80", a -> a.constant(RAX, 0x8000_0001L)),
        is("48 c7 c0 ff ff ff ff", a -> a.constant(RAX, -1)),
        is("49 b8 08 07 06 05 04 03 02 01", a -> a.constant(R8, 0x0102_0304_0506_0708L)),
        is("48 83 c0 7f", a -> a.aluConstant(Assembler.ADD, 8, RAX, 127)),
        is("48 81 e8 80 00 00 00", a -> a.aluConstant(Assembler.SUB, 8, RAX, 128)),
        is("66 81 f9 34 12", a -> a.aluConstant(Assembler.CMP, 2, RCX, 0x1234)),
        is("80 65 08 fe", a -> a.aluConstant(Assembler.AND, 1, Mem.of(RBP, 8), -2)),
        is("0f b6 cf", a -> a.movzxHigh(RCX, RBX)),
        is("88 d7", a -> a.movHigh(RBX, RDX)),
        is("40 0f b6 ce", a -> a.movzx(1, RCX, RSI)),
        is("4d 63 c1", a -> a.movsx(8, 4, R8, R9)),
        is("0f 90 c0", a -> a.setcc(0, RAX)),
        is("0f ba 65 08 08", a -> a.bt(Mem.of(RBP, 8), 8)),
        is("49 d3 e0", a -> a.shiftByCl(Assembler.SHL, 8, R8)),
        is("f3 42 0f 6f 04 38", a -> a.vector(0xf3, 0x16f, 0, Mem.sum(RAX, R15))),
        is("66 0f ef c1", a -> a.vector(0x66, 0x1ef, 0, 1)),
        is("ff 65 68", a -> a.jmp(Mem.of(RBP, 0x68))),
        is("41 5f", a -> a.pop(R15)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("encodings")
  void encodes(String hex, Consumer<Assembler> what) {
    Assembler a = new Assembler();
    what.accept(a);
    assertThat(HexFormat.ofDelimiter(" ").formatHex(a.bytes())).isEqualTo(hex);
  }

  @Test
  void jumpsLeadToTheirLabelsFromBothSides() {
    Assembler a = new Assembler();
    Label label = new Label();
    a.jmp(label);
    a.jcc(Assembler.CC_E, label);
    a.bind(label);
    a.jmp(label);
    a.load(RAX, label, 8);
    assertThat(HexFormat.ofDelimiter(" ").formatHex(a.bytes()))
        .isEqualTo("e9 06 00 00 00 0f 84 00 00 00 00 e9 fb ff ff ff 48 8b 05 fc ff ff ff");
    assertThat(label.at()).isEqualTo(11);
    assertThatThrownBy(() -> a.bind(label)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aLabelMayHaveManyUsesBeforeItIsKnown() {
    Assembler a = new Assembler();
    Label label = new Label();
    for (int i = 0; i < 300; i++) {
      a.jmp(label);
    }
    a.bind(label);
    byte[] code = a.bytes();
    for (int i = 0; i < 300; i++) {
      int at = 5 * i + 1;
      int distance = code[at] & 0xff | (code[at + 1] & 0xff) << 8;
      assertThat(at + 4 + distance).isEqualTo(label.at());
    }
  }
}
