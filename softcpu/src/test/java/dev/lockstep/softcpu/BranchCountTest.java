package dev.lockstep.softcpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Assembler;
import dev.lockstep.engine.testkit.BareGuest;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What counts as a branch, instruction by instruction, under both semantics, run whole and stepped ({@code BranchSemantics} says what is to be counted). */
final class BranchCountTest {
  /**
   * A piece of code.
   *
   * @param bits 64 or 32
   * @param all transfers in it
   * @param conditional conditional branches in it
   */
  private record Piece(int bits, String source, int all, int conditional) {}

  private static Piece in64(String source, int all, int conditional) {
    return new Piece(64, source, all, conditional);
  }

  private static Piece in32(String source, int all, int conditional) {
    return new Piece(32, source, all, conditional);
  }

  private static final List<Piece> PIECES =
      List.of(
          in64("nop", 0, 0),
          in64("cmp eax, eax\nje a\na:", 1, 1),
          in64("cmp eax, eax\njne a\na:", 1, 1),
          in64("cmp eax, eax\nje short a\nnop\na:", 1, 1),
          in64("test eax, eax\njne a\nnop\na:", 1, 1),
          in64("mov ecx, 3\na: loop a", 3, 3),
          in64("mov ecx, 3\na: loopne a", 3, 3),
          in64("mov ecx, 1\njrcxz a\na:", 1, 1),
          in64("xor ecx, ecx\njrcxz a\nnop\na:", 1, 1),
          in64("jmp a\nnop\na:", 1, 0),
          in64("jmp short a\nnop\na:", 1, 0),
          in64("mov rax, a\njmp rax\nnop\na:", 1, 0),
          in64("mov rax, a\nmov [0x100000], rax\njmp [0x100000]\nnop\na:", 1, 0),
          in64("call a\njmp b\na: ret\nb:", 3, 0),
          in64("mov rax, a\ncall rax\njmp b\na: ret 8\nb:", 3, 0),
          in64("mov rax, a\npush rax\ncall [rsp]\njmp b\na: ret\nb:", 3, 0),
          in64("mov rax, a\npush 0x10\npush rax\nretfq\na:", 1, 0),
          in64("jmp far [p]\np: dd a\ndw 0x10\na:", 1, 0),
          in64("call far [p]\np: dd a\ndw 0x10\na:", 1, 0),
          in64(
              "mov rcx, rsp\npush 0x18\npush rcx\npushfq\npush 0x10\nmov rax, a\npush rax\niretq\na:",
              1,
              0),
          in64("mov ecx, 5\nmov edi, 0x100000\nrep stosb", 0, 0),
          in64("mov ecx, 5\nmov edi, 0x100000\nxor eax, eax\nrepe scasb", 0, 0),
          in64("cmp eax, eax\nsete al\ncmovne eax, ecx", 0, 0),
          in32("cmp eax, eax\nje a\na:", 1, 1),
          in32("mov ecx, 3\na: loop a", 3, 3),
          in32("xor ecx, ecx\ndb 0xe3, 1\nnop", 1, 1),
          in32("jmp a\na:", 1, 0),
          in32("call a\njmp b\na: ret\nb:", 3, 0),
          in32("mov eax, a\njmp eax\na:", 1, 0),
          in32("xor eax, eax\ninto", 0, 0),
          in32("jmp 0x38:a\na:", 1, 0),
          in32("call 0x38:a\na:", 1, 0));

  @Test
  void everyKindOfTransfer() {
    for (Piece piece : PIECES) {
      for (BranchSemantics semantics : BranchSemantics.values()) {
        for (boolean stepped : new boolean[] {false, true}) {
          assertThat(count(piece, semantics, stepped))
              .as("%s\n%s, stepped: %s", piece.source(), semantics, stepped)
              .isEqualTo(
                  semantics == BranchSemantics.ALL_TRANSFERS ? piece.all() : piece.conditional());
        }
      }
    }
  }

  @Test
  void everyDeliveryIsATransfer() {
    String[] raising = {
      "ud2", "int3", "int 0x50", "xor ecx, ecx\ndiv ecx", "mov eax, [0x70000000]"
    };
    for (String source : raising) {
      assertThat(count(in64(source + "\nhlt", 0, 0), BranchSemantics.ALL_TRANSFERS, false))
          .as(source)
          .isEqualTo(1);
      assertThat(count(in64(source + "\nhlt", 0, 0), BranchSemantics.CONDITIONAL, false))
          .as(source)
          .isZero();
    }
  }

  @Test
  void injectedEventsAreTransfers() {
    for (BranchSemantics semantics : BranchSemantics.values()) {
      int each = semantics == BranchSemantics.ALL_TRANSFERS ? 1 : 0;
      try (BareGuest guest = new BareGuest();
          SoftVcpu cpu = vcpu(guest, semantics)) {
        CpuState s = guest.kernel64(BareGuest.CODE);
        s.rflags |= 1 << 9;
        cpu.setState(s);
        cpu.injectNmi();
        assertThat(cpu.step()).isEqualTo(VcpuExit.Stepped.STEPPED);
        assertThat(cpu.branchCount()).as("NMI").isEqualTo(each);
        cpu.setState(s);
        cpu.injectInterrupt(0x40);
        cpu.step();
        assertThat(cpu.branchCount()).as("interrupt").isEqualTo(2 * each);
        cpu.setState(s);
        cpu.injectException(13, 0);
        cpu.step();
        assertThat(cpu.branchCount()).as("exception").isEqualTo(3 * each);
      }
    }
  }

  private static SoftVcpu vcpu(BareGuest guest, BranchSemantics semantics) {
    return SoftVcpu.create(CpuModel.LOCKSTEP_V1_TSC, guest.memory(), count -> count, semantics);
  }

  private static long count(Piece piece, BranchSemantics semantics, boolean stepped) {
    Assembler asm = new Assembler(BareGuest.CODE, piece.bits());
    try (BareGuest guest = new BareGuest();
        SoftVcpu cpu = vcpu(guest, semantics)) {
      guest.load(
          BareGuest.CODE, asm.add(piece.source().replace(": ", ":\n")).add("hlt").assemble());
      cpu.setState(
          piece.bits() == 64 ? guest.kernel64(BareGuest.CODE) : guest.protected32(BareGuest.CODE));
      if (stepped) {
        while (cpu.step() == VcpuExit.Stepped.STEPPED) {
          // On to the end.
        }
      } else {
        assertThat(cpu.run(1000)).as(piece.source()).isEqualTo(VcpuExit.Halt.HALT);
      }
      return cpu.branchCount();
    }
  }
}
