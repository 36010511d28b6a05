package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.RAX;
import static dev.lockstep.engine.contract.Rig.RCX;
import static dev.lockstep.engine.contract.Rig.RDX;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.VcpuExit;
import org.junit.jupiter.api.Test;

/** MSRs: those that the model does not define are the machine's to answer or to refuse; the others never exit. */
abstract class MsrContract extends ContractSubject {
  /** No register of any CPU; hypervisors' synthetic range (Intel SDM vol. 4 2.1). */
  private static final int UNKNOWN = 0x4000_0200;

  @Test
  void readIsAnsweredInEdxEax() {
    need(Capability.MSR_EXITS);
    Rig rig = rig();
    rig.code(
        "here: rdmsr\nhlt\nend:",
        s -> {
          s.gpr[RAX] = -1;
          s.gpr[RDX] = -1;
          s.gpr[RCX] = 0xffff_ffff_0000_0000L | UNKNOWN;
        });
    VcpuExit.MsrRead read = rig.run(VcpuExit.MsrRead.class);
    assertThat(read.index()).isEqualTo(UNKNOWN);
    assertThat(rig.rip()).isEqualTo(rig.at("here"));
    assertThat(rig.reg(RAX)).isEqualTo(-1);
    read.complete(0x8000_0001_9000_0002L);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RAX)).isEqualTo(0x9000_0002L);
    assertThat(rig.reg(RDX)).isEqualTo(0x8000_0001L);
  }

  @Test
  void refusedReadIsAGeneralProtectionFault() {
    need(Capability.MSR_EXITS);
    Rig rig = rig();
    rig.code("nop\nhere: rdmsr\nhlt", s -> s.gpr[RCX] = UNKNOWN);
    rig.run(VcpuExit.MsrRead.class);
    rig.runToHandler(13);
    assertThat(rig.frame(true).rip()).isEqualTo(rig.at("here"));
    assertThat(rig.frame(true).errorCode()).isZero();
    assertThat(rig.reg(RAX)).isZero();
  }

  @Test
  void acceptedWriteGoesOnPastIt() {
    need(Capability.MSR_EXITS);
    Rig rig = rig();
    rig.code(
        "wrmsr\nafter: hlt\nend:",
        s -> {
          s.gpr[RCX] = UNKNOWN;
          s.gpr[RAX] = 0xffff_ffff_0000_0005L;
          s.gpr[RDX] = 0xffff_ffff_8000_0000L;
        });
    VcpuExit.MsrWrite write = rig.run(VcpuExit.MsrWrite.class);
    assertThat(write.index()).isEqualTo(UNKNOWN);
    assertThat(write.value()).isEqualTo(0x8000_0000_0000_0005L);
    assertThat(rig.rip()).isEqualTo(rig.at("after"));
    write.accept();
    rig.runToHaltBefore("end");
  }

  @Test
  void refusedWriteIsAGeneralProtectionFaultOnTheInstruction() {
    need(Capability.MSR_EXITS);
    Rig rig = rig();
    rig.code("nop\nhere: wrmsr\nhlt", s -> s.gpr[RCX] = UNKNOWN);
    rig.run(VcpuExit.MsrWrite.class);
    rig.runToHandler(13);
    assertThat(rig.frame(true).rip()).isEqualTo(rig.at("here"));
    assertThat(rig.frame(true).errorCode()).isZero();
  }

  @Test
  void definedRegistersNeverExit() {
    Rig rig = rig();
    StringBuilder source = new StringBuilder();
    // SYSENTER's, PAT, EFER, SYSCALL's, FS, GS and kernel GS base: each is written back as it was
    // read.
    int[] defined = {
      0x174,
      0x175,
      0x176,
      0x277,
      0xc000_0080,
      0xc000_0081,
      0xc000_0082,
      0xc000_0083,
      0xc000_0084,
      0xc000_0100,
      0xc000_0101,
      0xc000_0102
    };
    for (int index : defined) {
      source.append("mov ecx, 0x%x%nrdmsr%nwrmsr%n".formatted(index));
    }
    rig.code(source + "hlt\nend:");
    rig.runToHaltBefore("end");
  }

  @Test
  void writtenRegistersAreInTheState() {
    Rig rig = rig();
    rig.code(
        """
        mov edx, 0x1234
        mov ecx, 0xc0000082
        mov eax, 0x82
        wrmsr
        mov ecx, 0xc0000101
        mov eax, 0x101
        wrmsr
        mov ecx, 0xc0000102
        mov eax, 0x102
        wrmsr
        mov ecx, 0x176
        mov eax, 0x176
        wrmsr
        hlt
        end:
        """);
    rig.runToHaltBefore("end");
    assertThat(rig.state().lstar).isEqualTo(0x1234_0000_0082L);
    assertThat(rig.state().segments[5].base).isEqualTo(0x1234_0000_0101L);
    assertThat(rig.state().kernelGsBase).isEqualTo(0x1234_0000_0102L);
    assertThat(rig.state().sysenterEip).isEqualTo(0x1234_0000_0176L);
  }

  @Test
  void userModeMayNot() {
    Rig rig = rig();
    rig.userCode("mov ecx, 0x40000200\nrdmsr", s -> {});
    rig.runToHandler(13);
  }
}
