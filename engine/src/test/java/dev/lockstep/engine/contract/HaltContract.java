package dev.lockstep.engine.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import org.junit.jupiter.api.Test;

/** HLT and shutdown: the two ways in which a CPU stands still. */
abstract class HaltContract extends ContractSubject {
  @Test
  void haltLeavesRipPastItAndStays() {
    Rig rig = rig();
    rig.code("mov eax, 5\nhlt\nend: mov eax, 6\nhlt");
    for (int i = 0; i < 3; i++) {
      rig.runToHaltBefore("end");
      assertThat(rig.state().halted).isTrue();
      assertThat(rig.reg(Rig.RAX)).isEqualTo(5);
      assertThat(rig.vcpu.interruptible()).as("IF is 0").isFalse();
    }
  }

  @Test
  void haltWithInterruptsOnIsInterruptible() {
    Rig rig = rig();
    rig.code("hlt\nend:", Rig::interruptsOn);
    rig.runToHaltBefore("end");
    assertThat(rig.vcpu.interruptible()).isTrue();
  }

  @Test
  void haltedStateIsCarried() {
    Rig rig = rig();
    rig.code("hlt\nend: mov eax, 6\nhlt");
    rig.runToHaltBefore("end");
    rig.change(s -> s.gpr[Rig.RAX] = 1);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(Rig.RAX)).isEqualTo(1);
    rig.change(s -> s.halted = false);
    rig.runToHalt();
    assertThat(rig.reg(Rig.RAX)).isEqualTo(6);
  }

  @Test
  void userModeMayNotHalt() {
    Rig rig = rig();
    rig.userCode("here: hlt", s -> {});
    rig.runToHandler(13);
    assertThat(rig.frame(true).rip()).isEqualTo(rig.at("here"));
    assertThat(rig.frame(true).cs()).isEqualTo(0x33);
  }

  @Test
  void tripleFaultShutsDownForGood() {
    Rig rig = rig();
    rig.code("ud2", s -> s.idtLimit = 0);
    assertThat(rig.run()).isEqualTo(VcpuExit.Shutdown.SHUTDOWN);
    assertThat(rig.state().shutdown).isTrue();
    assertThat(rig.vcpu.interruptible()).isFalse();
    assertThat(rig.run()).isEqualTo(VcpuExit.Shutdown.SHUTDOWN);
    CpuState carried = new CpuState();
    rig.vcpu.getState(carried);
    rig.vcpu.setState(carried);
    assertThat(rig.run()).isEqualTo(VcpuExit.Shutdown.SHUTDOWN);
  }

  @Test
  void tripleFaultByInjectionShutsDown() {
    Rig rig = rig();
    rig.code("nop\nhlt", s -> s.idtLimit = 0);
    rig.vcpu.injectException(6, 0);
    assertThat(rig.run()).isEqualTo(VcpuExit.Shutdown.SHUTDOWN);
  }

  @Test
  void stateEndsShutdown() {
    Rig rig = rig();
    rig.code("ud2", s -> s.idtLimit = 0);
    assertThat(rig.run()).isEqualTo(VcpuExit.Shutdown.SHUTDOWN);
    rig.code("hlt\nend:");
    rig.runToHaltBefore("end");
  }

  @Test
  void faultsThatTheGuestHandlesAreNoExits() {
    Rig rig = rig();
    rig.code("here: mov eax, [0x70000000]\nhlt");
    rig.runToHandler(14);
    assertThat(rig.state().cr2).isEqualTo(0x7000_0000);
    assertThat(rig.frame(true).rip()).isEqualTo(rig.at("here"));
    rig.code("xor ecx, ecx\nhere: div ecx\nhlt");
    rig.runToHandler(0);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("here"));
    rig.code("here: ud2");
    rig.runToHandler(6);
    rig.code("int 0x80\nafter: hlt");
    rig.runToHandler(0x80);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("after"));
  }
}
