package dev.lockstep.engine.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Encodings as GNU as and objdump have them. */
class AssemblerTest {
  private static String hex(int bits, String source) {
    return HexFormat.of().formatHex(new Assembler(0x140000, bits).add(source).assemble());
  }

  @Test
  void generalInstructions() {
    assertThat(hex(64, "mov rax, 0x1122334455667788")).isEqualTo("48b88877665544332211");
    assertThat(hex(64, "mov rcx, -1")).isEqualTo("48c7c1ffffffff");
    assertThat(hex(64, "mov sil, 3")).isEqualTo("40b603");
    assertThat(hex(64, "mov byte [rax+rcx*4-0x10], 0x7f")).isEqualTo("c68488f0ffffff7f");
    assertThat(hex(64, "mov [r13], r9")).isEqualTo("4d898d00000000");
    assertThat(hex(64, "sub dword [rsp], 8")).isEqualTo("832c2408");
    assertThat(hex(64, "lea rdx, [eax+4]")).isEqualTo("67488d9004000000");
    assertThat(hex(64, "lock cmpxchg [rax], rcx")).isEqualTo("f0480fb108");
    assertThat(hex(64, "rep movsb")).isEqualTo("f3a4");
    assertThat(hex(64, "mov eax, fs:[0x10]")).isEqualTo("648b042510000000");
    assertThat(hex(32, "mov eax, [ebx+ecx*2+4]")).isEqualTo("8b844b04000000");
    assertThat(hex(32, "mov ax, cx")).isEqualTo("6689c8");
    assertThat(hex(16, "mov eax, ecx")).isEqualTo("6689c8");
  }

  @Test
  void systemInstructions() {
    assertThat(hex(64, "mov cr8, rax")).isEqualTo("440f22c0");
    assertThat(hex(64, "mov rax, dr6")).isEqualTo("0f21f0");
    assertThat(hex(64, "mov ss, eax")).isEqualTo("8ed0");
    assertThat(hex(64, "invlpg [rax]")).isEqualTo("0f0138");
    assertThat(hex(64, "jmp far qword [rax]")).isEqualTo("48ff28");
    assertThat(hex(64, "iretq")).isEqualTo("48cf");
    assertThat(hex(64, "pop gs")).isEqualTo("0fa9");
    assertThat(hex(32, "jmp 8:0x140000")).isEqualTo("ea000014000800");
    assertThat(hex(64, "out dx, eax")).isEqualTo("ef");
    assertThat(hex(64, "in ax, 0x60")).isEqualTo("66e560");
  }

  @Test
  void labelsAndDirectives() {
    String source =
        """
        a: jmp b          ; forwards
        c = 2 + 3
        b: mov ecx, b-a
           jne short a
           mov rax, [rel a]
           dw c, 0x1234
        """;
    assertThat(hex(64, source)).isEqualTo("e900000000b90500000075f4488b05edffffff05003412");
    assertThatThrownBy(() -> hex(64, "jmp nowhere")).hasMessageContaining("jmp nowhere");
    assertThatThrownBy(() -> hex(64, "mov [rax], 1"))
        .hasRootCauseMessage("say byte, word, dword or qword");
  }
}
