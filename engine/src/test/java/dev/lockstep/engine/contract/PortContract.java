package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.RAX;
import static dev.lockstep.engine.contract.Rig.RBX;
import static dev.lockstep.engine.contract.Rig.RDX;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** IN and OUT: what the exit says, where the guest stands at it, and what the answer does. */
abstract class PortContract extends ContractSubject {
  private static final long OLD = 0x1122_3344_5566_7788L;

  @ParameterizedTest
  @CsvSource({
    "1, 'in al, 0x60', 0x60, 0x11223344556677d4",
    "2, 'in ax, 0x62', 0x62, 0x112233445566c3d4",
    "4, 'in eax, 0x64', 0x64, 0xa1b2c3d4",
    "1, 'in al, dx', 0x3f8, 0x11223344556677d4",
    "2, 'in ax, dx', 0x3f8, 0x112233445566c3d4",
    "4, 'in eax, dx', 0x3f8, 0xa1b2c3d4"
  })
  void readWaitsOnItsInstruction(int width, String in, int port, String result) {
    Rig rig = rig();
    rig.code("nop\nhere: " + in + "\nmov rbx, rax\nhlt\nend:", PortContract::operands);
    VcpuExit.PortRead read = rig.run(VcpuExit.PortRead.class);
    assertThat(read.port()).isEqualTo(port);
    assertThat(read.width()).isEqualTo(width);
    assertThat(rig.rip()).isEqualTo(rig.at("here"));
    assertThat(rig.reg(RAX)).as("RAX before the answer").isEqualTo(OLD);
    read.complete(0xa1b2c3d4);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(Long.decode(result));
    assertThat(rig.reg(RDX)).isEqualTo(0x3f8);
  }

  /** What a machine answers for RDTSC that was patched into IN. */
  @Test
  void anAnswerForTwoRegistersLoadsBoth() {
    Rig rig = rig();
    rig.code("in eax, 0xe0\nin eax, 0x64\nhlt\nend:", PortContract::operands);
    rig.run(VcpuExit.PortRead.class).completePair(0xa1b2c3d4, 0x91929394);
    VcpuExit.PortRead second = rig.run(VcpuExit.PortRead.class);
    assertThat(rig.reg(RAX)).isEqualTo(0xa1b2c3d4L);
    assertThat(rig.reg(RDX)).isEqualTo(0x91929394L);
    second.complete(7);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RAX)).isEqualTo(7);
    assertThat(rig.reg(RDX)).as("RDX after an answer for one").isEqualTo(0x91929394L);
  }

  private static void operands(CpuState s) {
    s.gpr[RAX] = OLD;
    s.gpr[RDX] = 0x3f8;
  }

  @ParameterizedTest
  @CsvSource({
    "1, 'out 0x80, al', 0x80, 0xd4",
    "2, 'out 0x82, ax', 0x82, 0xc3d4",
    "4, 'out 0x84, eax', 0x84, 0xa1b2c3d4",
    "1, 'out dx, al', 0xcf8, 0xd4",
    "2, 'out dx, ax', 0xcf8, 0xc3d4",
    "4, 'out dx, eax', 0xcf8, 0xa1b2c3d4"
  })
  void writeLeavesRipPastIt(int width, String out, int port, String value) {
    Rig rig = rig();
    rig.code(
        out + "\nafter: hlt\nend:",
        s -> {
          s.gpr[RAX] = 0xffff_ffff_a1b2_c3d4L;
          s.gpr[RDX] = 0xffff_0cf8L;
        });
    VcpuExit.PortWrite write = rig.run(VcpuExit.PortWrite.class);
    assertThat(write.port()).isEqualTo(port);
    assertThat(write.width()).isEqualTo(width);
    assertThat(Integer.toUnsignedLong(write.value())).isEqualTo(Long.decode(value));
    assertThat(rig.rip()).isEqualTo(rig.at("after"));
    rig.runToHaltBefore("end");
  }

  @Test
  void readWithoutAnswerGivesAllOnes() {
    Rig rig = rig();
    rig.code("in eax, 0x60\nhlt\nend:");
    rig.run(VcpuExit.PortRead.class);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RAX)).isEqualTo(0xffff_ffffL);
  }

  @Test
  void exitsOfALoopComeOneByOneInOrder() {
    Rig rig = rig();
    rig.code("mov ecx, 50\na: in al, 0x60\nadd al, 1\nout 0x61, al\nloop a\nhlt\nend:");
    for (int i = 0; i < 50; i++) {
      rig.run(VcpuExit.PortRead.class).complete(i * 5);
      assertThat(rig.run(VcpuExit.PortWrite.class).value()).isEqualTo(i * 5 + 1 & 0xff);
    }
    rig.runToHaltBefore("end");
  }

  @Test
  void answerIsOfItsOwnExitOnly() {
    Rig rig = rig();
    rig.code("in al, 0x60\nmov ebx, eax\nin al, 0x60\nhlt\nend:");
    rig.run(VcpuExit.PortRead.class).complete(0x12);
    rig.run(VcpuExit.PortRead.class);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(0x12);
    assertThat(rig.reg(RAX)).as("not answered").isEqualTo(0xff);
  }

  @Test
  void userModeNeedsPermission() {
    Rig rig = rig();
    // The I/O bitmap begins past the TSS's limit: no port is permitted.
    rig.guest.memory().write16(BareGuest.TSS + 0x66, 0x68);
    rig.userCode("here: out 0x80, al\nhlt", s -> {});
    rig.runToHandler(13);
    assertThat(rig.frame(true).errorCode()).isZero();
    assertThat(rig.frame(true).rip()).isEqualTo(rig.at("here"));
  }

  @Test
  void userModeWithPermissionExits() {
    Rig rig = rig();
    rig.userCode("mov al, 7\nout 0x80, al\nafter: in al, 0x60\ncli\nhlt", s -> s.rflags |= 3 << 12);
    assertThat(rig.run(VcpuExit.PortWrite.class).value()).isEqualTo(7);
    VcpuExit.PortRead read = rig.run(VcpuExit.PortRead.class);
    assertThat(rig.rip()).isEqualTo(rig.at("after"));
    assertThat(rig.state().segments[CpuState.CS].selector & 3).isEqualTo(3);
    read.complete(9);
    // HLT in ring 3.
    rig.runToHandler(13);
    assertThat(rig.reg(RAX)).isEqualTo(9);
  }
}
