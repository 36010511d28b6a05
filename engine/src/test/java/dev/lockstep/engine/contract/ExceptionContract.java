package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.DATA;
import static dev.lockstep.engine.contract.Rig.IF;
import static dev.lockstep.engine.contract.Rig.RAX;
import static dev.lockstep.engine.contract.Rig.RCX;
import static dev.lockstep.engine.contract.Rig.RDI;
import static dev.lockstep.engine.contract.Rig.RSP;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Injected exceptions: with and without error code, with CR2, and at every kind of boundary. */
abstract class ExceptionContract extends ContractSubject {
  /** Which vectors push an error code: Intel SDM vol. 3A table 6-1. */
  @ParameterizedTest
  @ValueSource(ints = {0, 5, 6, 7, 16, 18, 19})
  void withoutErrorCode(int vector) {
    Rig rig = rig();
    rig.code("here: mov eax, 1\nhlt");
    rig.vcpu.injectException(vector, 0x1234);
    rig.runToHandler(vector);
    Rig.Frame frame = rig.frame(false);
    assertThat(rig.reg(RSP)).isEqualTo(BareGuest.KERNEL_STACK - 40);
    assertThat(frame.rip()).isEqualTo(rig.at("here"));
    assertThat(frame.cs()).isEqualTo(BareGuest.KERNEL_CODE);
    assertThat(frame.rflags() & ~Rig.RF).isEqualTo(2);
    assertThat(rig.reg(RAX)).isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 10, 11, 12, 13, 14, 17})
  void withErrorCode(int vector) {
    Rig rig = rig();
    rig.code("here: mov eax, 1\nhlt", s -> s.cr2 = 0x1234_5678);
    // Architecture: #DF and #AC push 0.
    int code = vector == 8 || vector == 17 ? 0 : 0x1a;
    rig.vcpu.injectException(vector, code);
    rig.runToHandler(vector);
    Rig.Frame frame = rig.frame(true);
    assertThat(rig.reg(RSP)).isEqualTo(BareGuest.KERNEL_STACK - 48);
    assertThat(frame.errorCode()).isEqualTo(code);
    assertThat(frame.rip()).isEqualTo(rig.at("here"));
    assertThat(frame.rsp()).isEqualTo(BareGuest.KERNEL_STACK);
    assertThat(rig.state().cr2).as("CR2 as it was set").isEqualTo(0x1234_5678);
  }

  @Test
  void pageFaultIsHandledLikeTheCpusOwn() {
    Rig rig = rig();
    rig.code("here: mov eax, 1\nhlt\nend:\nhandler: mov rbx, cr2\nadd rsp, 8\niretq");
    rig.handle(14, "handler");
    rig.change(s -> s.cr2 = 0xffff_8000_0000_1000L);
    rig.vcpu.injectException(14, 2);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(Rig.RBX)).isEqualTo(0xffff_8000_0000_1000L);
    assertThat(rig.reg(RAX)).isEqualTo(1);
    assertThat(rig.reg(RSP)).isEqualTo(BareGuest.KERNEL_STACK);
  }

  /** RCX is unsigned: such a repeat has nearly all of its iterations before it when it faults. */
  @ParameterizedTest
  @ValueSource(strings = {"rep stosb", "rep movsb", "rep stosq", "rep movsq"})
  void aRepeatWithoutEndFaultsWhereMemoryEnds(String repeat) {
    long end = BareGuest.LOW_MEMORY;
    int size = repeat.endsWith("q") ? 8 : 1;
    Rig rig = rig();
    rig.code(
        "here: " + repeat + "\nhlt",
        s -> {
          s.gpr[RCX] = -1;
          s.gpr[Rig.RSI] = DATA;
          s.gpr[RDI] = end - 0x1800;
        });
    rig.runToHandler(14);
    assertThat(rig.frame(true).rip()).isEqualTo(rig.at("here"));
    assertThat(rig.reg(RDI)).isEqualTo(end);
    assertThat(rig.reg(RCX)).isEqualTo(-1 - 0x1800 / size);
    assertThat(rig.state().cr2).isEqualTo(end);
  }

  @Test
  void fromUserMode() {
    Rig rig = rig();
    rig.userCode("here: nop\nhlt", s -> {});
    rig.vcpu.injectException(13, 0x28);
    rig.runToHandler(13);
    assertThat(rig.reg(RSP)).isEqualTo(BareGuest.KERNEL_STACK - 48);
    assertThat(rig.frame(true).cs()).isEqualTo(BareGuest.USER_CODE64);
    assertThat(rig.frame(true).errorCode()).isEqualTo(0x28);
  }

  @Test
  void waitsForNobody() {
    Rig rig = rig();
    rig.code("nop\nhlt", Rig::interruptsOn);
    rig.vcpu.injectException(6, 0);
    assertThat(rig.vcpu.interruptible()).as("an exception comes first").isFalse();
    rig.runToHandler(6);
  }

  @Test
  void inHalt() {
    Rig rig = rig();
    rig.code("hlt\nafter: nop");
    rig.runToHaltBefore("after");
    rig.vcpu.injectException(13, 0);
    rig.runToHandler(13);
    assertThat(rig.frame(true).rip()).isEqualTo(rig.at("after"));
  }

  @Test
  void inTheShadows() {
    need(Capability.STEP);
    for (String shadowing : new String[] {"sti", "mov ss, edx"}) {
      Rig rig = rig();
      rig.code(shadowing + "\nafter: nop\nhlt", s -> s.gpr[Rig.RDX] = BareGuest.KERNEL_DATA);
      rig.step(VcpuExit.Stepped.STEPPED);
      rig.vcpu.injectException(6, 0);
      rig.runToHandler(6);
      assertThat(rig.frame(false).rip()).as(shadowing).isEqualTo(rig.at("after"));
    }
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
    rig.handle(6, "handler");
    for (int i = 0; i < 30; i++) {
      rig.step(VcpuExit.Stepped.STEPPED);
    }
    rig.vcpu.injectException(6, 0);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(Rig.RBX)).isEqualTo(70);
    assertThat(rig.reg(RCX)).isZero();
    assertThat(rig.mem(BareGuest.KERNEL_STACK - 40)).isEqualTo(rig.at("here"));
  }

  @Test
  void afterAnExit() {
    Rig rig = rig();
    rig.code("out 0x80, al\nafter: in al, 0x60\nlast: mov ebx, 1\nhlt");
    rig.run(VcpuExit.PortWrite.class);
    rig.vcpu.injectException(6, 0);
    rig.runToHandler(6);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("after"));
    rig.code("in al, 0x60\nlast: mov ebx, 1\nhlt");
    rig.run(VcpuExit.PortRead.class).complete(0x42);
    rig.vcpu.injectException(6, 0);
    rig.runToHandler(6);
    assertThat(rig.frame(false).rip()).as("past the completed read").isEqualTo(rig.at("last"));
    assertThat(rig.reg(RAX)).isEqualTo(0x42);
  }

  @Test
  void vectorsOutOfRangeAreRefused() {
    Rig rig = rig();
    rig.code("nop\nhlt\nend:");
    for (int vector : new int[] {-1, 32, 255}) {
      assertThatThrownBy(() -> rig.vcpu.injectException(vector, 0))
          .isInstanceOf(IllegalArgumentException.class);
    }
    rig.runToHaltBefore("end");
  }

  @Test
  void deliveryOfAnExceptionKeepsInterruptsAsTheGateSays() {
    Rig rig = rig();
    rig.code("here: nop\nhlt", Rig::interruptsOn);
    rig.vcpu.injectException(0, 0);
    rig.runToHandler(0);
    assertThat(rig.frame(false).rflags() & IF).isEqualTo(IF);
    assertThat(rig.state().rflags & IF).isZero();
  }
}
