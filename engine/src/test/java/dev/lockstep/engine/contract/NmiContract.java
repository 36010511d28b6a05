package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.DATA;
import static dev.lockstep.engine.contract.Rig.RAX;
import static dev.lockstep.engine.contract.Rig.RBX;
import static dev.lockstep.engine.contract.Rig.RCX;
import static dev.lockstep.engine.contract.Rig.RDI;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import org.junit.jupiter.api.Test;

/** Injected NMIs: latched, blocked until IRET, and delivered at every kind of boundary whatever IF says. */
abstract class NmiContract extends ContractSubject {
  private static final String HANDLER = "\nhandler: add ebx, 1\niretq";

  @Test
  void deliveredWithInterruptsOff() {
    Rig rig = rig();
    rig.code("here: mov eax, 1\nhlt");
    rig.vcpu.injectNmi();
    rig.runToHandler(2);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("here"));
    assertThat(rig.state().nmiBlocked).isTrue();
    assertThat(rig.state().nmiPending).isFalse();
    assertThat(rig.reg(RAX)).isZero();
  }

  @Test
  void twoBeforeDeliveryAreOne() {
    Rig rig = rig();
    rig.code("mov eax, 1\nhlt\nend:" + HANDLER);
    rig.handle(2, "handler");
    rig.vcpu.injectNmi();
    rig.vcpu.injectNmi();
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(1);
    assertThat(rig.state().nmiBlocked).isFalse();
  }

  @Test
  void secondWaitsForIret() {
    Rig rig = rig();
    rig.code("here: mov eax, 1\nhlt\nend:\nhandler: add ebx, 1\nout 0x80, al\niretq");
    rig.handle(2, "handler");
    rig.vcpu.injectNmi();
    rig.run(VcpuExit.PortWrite.class);
    rig.vcpu.injectNmi();
    assertThat(rig.state().nmiPending).isTrue();
    assertThat(rig.state().nmiBlocked).isTrue();
    rig.run(VcpuExit.PortWrite.class);
    assertThat(rig.reg(RBX)).isEqualTo(2);
    assertThat(rig.reg(RAX)).as("IRET and the second delivery have nothing between them").isZero();
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("here"));
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(2);
  }

  @Test
  void latchIsCarriedByTheState() {
    Rig rig = rig();
    rig.code("nop\nhlt\nend:" + HANDLER);
    rig.handle(2, "handler");
    rig.vcpu.injectNmi();
    rig.change(s -> assertThat(s.nmiPending).isTrue());
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(1);
    rig.code("nop\nhlt\nend: hlt\nlast:" + HANDLER, s -> s.nmiBlocked = true);
    rig.handle(2, "handler");
    rig.vcpu.injectNmi();
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).as("blocked").isZero();
    rig.change(s -> s.nmiBlocked = false);
    rig.runToHaltBefore("last");
    assertThat(rig.reg(RBX)).isEqualTo(1);
  }

  @Test
  void wakesHaltWithInterruptsOff() {
    Rig rig = rig();
    rig.code("hlt\nafter: add eax, 1\nhlt\nend:" + HANDLER);
    rig.handle(2, "handler");
    rig.runToHaltBefore("after");
    rig.vcpu.injectNmi();
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(1);
    assertThat(rig.reg(RAX)).isEqualTo(1);
  }

  @Test
  void waitsForTheShadowOfMovSs() {
    need(Capability.STEP);
    Rig rig = rig();
    rig.code("mov ss, edx\nadd eax, 1\nwanted: add eax, 1\nhlt", s -> s.gpr[Rig.RDX] = 0x18);
    rig.step(VcpuExit.Stepped.STEPPED);
    rig.vcpu.injectNmi();
    rig.runToHandler(2);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("wanted"));
    assertThat(rig.reg(RAX)).isEqualTo(1);
  }

  @Test
  void insideARepeatedStore() {
    need(Capability.STEP, Capability.STEP_ITERATIONS);
    Rig rig = rig();
    rig.code(
        "here: rep stosb\nhlt\nend:\nhandler: mov ebx, ecx\niretq",
        s -> {
          s.gpr[RCX] = 100;
          s.gpr[RDI] = DATA;
        });
    rig.handle(2, "handler");
    for (int i = 0; i < 99; i++) {
      rig.step(VcpuExit.Stepped.STEPPED);
    }
    rig.vcpu.injectNmi();
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(1);
    assertThat(rig.mem(BareGuest.KERNEL_STACK - 40)).isEqualTo(rig.at("here"));
    assertThat(rig.reg(RDI)).isEqualTo(DATA + 100);
  }

  @Test
  void afterAWriteAndAfterACompletedRead() {
    Rig rig = rig();
    rig.code("out 0x80, al\nafter: nop\nhlt");
    rig.run(VcpuExit.PortWrite.class);
    rig.vcpu.injectNmi();
    rig.runToHandler(2);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("after"));
    rig.code("in al, 0x60\nafter: nop\nhlt");
    rig.run(VcpuExit.PortRead.class).complete(0x42);
    rig.vcpu.injectNmi();
    rig.runToHandler(2);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("after"));
    assertThat(rig.reg(RAX)).isEqualTo(0x42);
  }

  @Test
  void comesBeforeAnInterrupt() {
    Rig rig = rig();
    String source =
        """
        here: nop
        hlt
        end:
        nmi: shl ebx, 4
        or ebx, 2
        iretq
        irq: shl ebx, 4
        or ebx, 3
        iretq
        """;
    rig.code(source, Rig::interruptsOn);
    rig.handle(2, "nmi");
    rig.handle(0x30, "irq");
    rig.vcpu.injectInterrupt(0x30);
    rig.vcpu.injectNmi();
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(0x23);
  }

  @Test
  void fromUserMode() {
    Rig rig = rig();
    rig.userCode("here: nop\nhlt", s -> {});
    rig.vcpu.injectNmi();
    rig.runToHandler(2);
    assertThat(rig.frame(false).cs()).isEqualTo(BareGuest.USER_CODE64);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("here"));
  }
}
