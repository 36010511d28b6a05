package dev.lockstep.kvm.disassembly;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The installed libcapstone, or its absence. */
final class DisassemblerTest {
  @Test
  void instructionsAreText() {
    byte[] code =
        bytes(0x48, 0x89, 0xd8, 0x0f, 0x05, 0xf3, 0xa4, 0xeb, 0xfe, 0x48, 0x8b, 0x05, 1, 0, 0, 0);
    List<Instruction> found = installed().disassemble(code, 0xffffffff81000000L, CodeMode.BITS_64);
    assertThat(found)
        .containsExactly(
            new Instruction(0xffffffff81000000L, 3, "mov", "rax, rbx"),
            new Instruction(0xffffffff81000003L, 2, "syscall", ""),
            new Instruction(0xffffffff81000005L, 2, "rep movsb", "byte ptr [rdi], byte ptr [rsi]"),
            new Instruction(0xffffffff81000007L, 2, "jmp", "0xffffffff81000007"),
            new Instruction(0xffffffff81000009L, 7, "mov", "rax, qword ptr [rip + 1]"));
    assertThat(found.get(1)).hasToString("syscall");
    assertThat(found.get(0)).hasToString("mov rax, rbx");
  }

  @Test
  void theModeDecides() {
    byte[] code = bytes(0x40, 0x50);
    Disassembler disassembler = installed();
    assertThat(disassembler.disassemble(code, 0, CodeMode.BITS_64))
        .extracting(Instruction::toString)
        .containsExactly("push rax");
    assertThat(disassembler.disassemble(code, 0, CodeMode.BITS_32))
        .extracting(Instruction::toString)
        .containsExactly("inc eax", "push eax");
    assertThat(disassembler.disassemble(code, 0, CodeMode.BITS_16))
        .extracting(Instruction::toString)
        .containsExactly("inc ax", "push ax");
  }

  @Test
  void everyByteBelongsToOneInstructionWhateverTheBytes() {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    Random random = new Random(seed);
    Disassembler disassembler = installed();
    for (int round = 0; round < 200; round++) {
      byte[] code = new byte[random.nextInt(64)];
      random.nextBytes(code);
      long next = 0x1000;
      for (CodeMode mode : CodeMode.values()) {
        next = 0x1000;
        for (Instruction one : disassembler.disassemble(code, 0x1000, mode)) {
          assertThat(one.address()).as("seed %d, round %d", seed, round).isEqualTo(next);
          assertThat(one.mnemonic()).isNotEmpty();
          next += one.length();
        }
        assertThat(next - 0x1000).as("seed %d, round %d", seed, round).isEqualTo(code.length);
      }
    }
  }

  @Test
  void itsAbsenceIsAnAnswer() {
    assertThat(Disassembler.find(List.of("libcapstone.so.none")))
        .isInstanceOfSatisfying(
            Disassembler.Absent.class,
            absent -> {
              assertThat(absent.reason()).contains("libcapstone.so.none");
              assertThat(absent.advice()).contains("libcapstone4");
            });
  }

  private static Disassembler installed() {
    return switch (Disassembler.find()) {
      case Disassembler.Present present -> present.disassembler();
      case Disassembler.Absent absent ->
          abort("disassembly is not tested: " + absent.reason() + ". " + absent.advice());
    };
  }

  private static byte[] bytes(int... values) {
    byte[] code = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      code[i] = (byte) values[i];
    }
    return code;
  }
}
