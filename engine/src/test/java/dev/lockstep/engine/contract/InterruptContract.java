package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.DATA;
import static dev.lockstep.engine.contract.Rig.DEVICE;
import static dev.lockstep.engine.contract.Rig.IF;
import static dev.lockstep.engine.contract.Rig.RAX;
import static dev.lockstep.engine.contract.Rig.RBX;
import static dev.lockstep.engine.contract.Rig.RCX;
import static dev.lockstep.engine.contract.Rig.RDI;
import static dev.lockstep.engine.contract.Rig.RDX;
import static dev.lockstep.engine.contract.Rig.RSI;
import static dev.lockstep.engine.contract.Rig.RSP;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** External interrupts at every kind of boundary: where they may be injected, what they push, and the window that tells when. */
abstract class InterruptContract extends ContractSubject {
  private static final int VECTOR = 0x30;

  @ParameterizedTest
  @ValueSource(ints = {0x20, 0x30, 0x80, 0xef, 0xff})
  void deliveredBeforeTheNextInstruction(int vector) {
    Rig rig = rig();
    rig.code("here: mov eax, 1\nhlt", Rig::interruptsOn);
    assertThat(rig.vcpu.interruptible()).isTrue();
    rig.vcpu.injectInterrupt(vector);
    rig.runToHandler(vector);
    Rig.Frame frame = rig.frame(false);
    assertThat(frame.rip()).isEqualTo(rig.at("here"));
    assertThat(frame.cs()).isEqualTo(BareGuest.KERNEL_CODE);
    assertThat(frame.rflags()).isEqualTo(IF | 2);
    assertThat(frame.rsp()).isEqualTo(BareGuest.KERNEL_STACK);
    assertThat(frame.ss()).isEqualTo(BareGuest.KERNEL_DATA);
    assertThat(rig.reg(RAX)).isZero();
    assertThat(rig.state().rflags & IF).as("an interrupt gate clears IF").isZero();
    assertThat(rig.vcpu.interruptible()).isFalse();
  }

  @Test
  void returnsToWhereItCame() {
    Rig rig = rig();
    rig.code("here: mov eax, 1\nhlt\nend:\nhandler: add ebx, 1\niretq", Rig::interruptsOn);
    rig.handle(VECTOR, "handler");
    rig.vcpu.injectInterrupt(VECTOR);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RAX)).isEqualTo(1);
    assertThat(rig.reg(RBX)).as("handled once").isEqualTo(1);
    assertThat(rig.reg(RSP)).isEqualTo(BareGuest.KERNEL_STACK);
  }

  @Test
  void userModeSwitchesStacks() {
    Rig rig = rig();
    rig.userCode("here: nop\nhlt", s -> {});
    rig.vcpu.injectInterrupt(VECTOR);
    rig.runToHandler(VECTOR);
    Rig.Frame frame = rig.frame(false);
    assertThat(rig.reg(RSP)).isEqualTo(BareGuest.KERNEL_STACK - 40);
    assertThat(frame.rip()).isEqualTo(rig.at("here"));
    assertThat(frame.cs()).isEqualTo(BareGuest.USER_CODE64);
    assertThat(frame.rsp()).isEqualTo(Rig.USER_STACK);
    assertThat(frame.ss()).isEqualTo(BareGuest.USER_DATA);
  }

  @Test
  void refusedWithInterruptsOff() {
    Rig rig = rig();
    rig.code("nop\nhlt");
    assertThat(rig.vcpu.interruptible()).isFalse();
    assertThatThrownBy(() -> rig.vcpu.injectInterrupt(VECTOR))
        .isInstanceOf(IllegalStateException.class);
    rig.runToHalt();
    assertThat(rig.vector()).as("nothing was queued").isEqualTo(-1);
  }

  @Test
  void refusedWhileOneWaits() {
    Rig rig = rig();
    rig.code("nop\nhlt", Rig::interruptsOn);
    rig.vcpu.injectInterrupt(VECTOR);
    assertThat(rig.vcpu.interruptible()).isFalse();
    assertThatThrownBy(() -> rig.vcpu.injectInterrupt(VECTOR + 1))
        .isInstanceOf(IllegalStateException.class);
    rig.runToHandler(VECTOR);
  }

  @Test
  void vectorsOutOfRangeAreRefused() {
    Rig rig = rig();
    rig.code("nop\nhlt", Rig::interruptsOn);
    for (int vector : new int[] {-1, 256, Integer.MIN_VALUE}) {
      assertThatThrownBy(() -> rig.vcpu.injectInterrupt(vector))
          .isInstanceOf(IllegalArgumentException.class);
    }
    rig.runToHalt();
    assertThat(rig.vector()).isEqualTo(-1);
  }

  @Test
  void windowOpensOneInstructionAfterSti() {
    need(Capability.EXACT_WINDOW);
    windowOpensAt("sti\nadd eax, 1\nwanted: add eax, 1\nhlt", 0, 1);
  }

  @Test
  void windowOpensRightAfterPopf() {
    need(Capability.EXACT_WINDOW);
    windowOpensAt("push 0x202\npopfq\nwanted: add eax, 1\nhlt", 0, 0);
  }

  @Test
  void windowOpensRightAfterIret() {
    need(Capability.EXACT_WINDOW);
    String source =
        """
        push 0x18
        push 0x8000
        push 0x202
        push 0x10
        push wanted
        iretq
        hlt
        wanted: add eax, 1
        hlt
        """;
    windowOpensAt(source, 0, 0);
  }

  @Test
  void windowOpensOneInstructionAfterMovSs() {
    need(Capability.EXACT_WINDOW);
    // Asked for in the shadow itself: IF is 1 all the time.
    Rig rig = rig();
    need(Capability.STEP);
    rig.code("mov edx, 0x18\nmov ss, edx\nadd eax, 1\nwanted: add eax, 1\nhlt", Rig::interruptsOn);
    rig.step(VcpuExit.Stepped.STEPPED);
    rig.step(VcpuExit.Stepped.STEPPED);
    shadowThenWindow(rig);
  }

  @Test
  void windowOpensOneInstructionAfterPopSs() {
    need(Capability.EXACT_WINDOW, Capability.STEP);
    Rig rig = rig();
    // LSS casts no shadow; POP SS does not exist in 64-bit code: MOV from memory it is.
    rig.code("mov ss, [data]\nadd eax, 1\nwanted: add eax, 1\nhlt", Rig::interruptsOn);
    rig.guest.memory().write16(DATA, BareGuest.KERNEL_DATA);
    rig.step(VcpuExit.Stepped.STEPPED);
    shadowThenWindow(rig);
  }

  private void shadowThenWindow(Rig rig) {
    assertThat(rig.vcpu.interruptible()).as("in the shadow").isFalse();
    assertThatThrownBy(() -> rig.vcpu.injectInterrupt(VECTOR))
        .isInstanceOf(IllegalStateException.class);
    rig.vcpu.requestInterruptWindow(true);
    assertThat(rig.run()).isEqualTo(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
    deliveredAt(rig, "wanted", 1);
  }

  private void windowOpensAt(String source, long flags, int eax) {
    Rig rig = rig();
    rig.code(source, s -> s.rflags |= flags);
    rig.vcpu.requestInterruptWindow(true);
    assertThat(rig.run()).isEqualTo(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
    deliveredAt(rig, "wanted", eax);
  }

  private void deliveredAt(Rig rig, String label, int eax) {
    assertThat(rig.rip()).isEqualTo(rig.at(label));
    assertThat(rig.reg(RAX)).isEqualTo(eax);
    assertThat(rig.vcpu.interruptible()).isTrue();
    rig.vcpu.requestInterruptWindow(false);
    rig.vcpu.injectInterrupt(VECTOR);
    rig.runToHandler(VECTOR);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at(label));
    assertThat(rig.reg(RAX)).isEqualTo(eax);
  }

  @Test
  void windowOpensSomewhereInAnOpenStretch() {
    Rig rig = rig();
    rig.code(
        "mov ecx, 1000\na: add eax, 1\nloop a\nsti\nb: add ebx, 1\ncmp ebx, 1000000\njne b\ncli\nhlt\nend:");
    rig.vcpu.requestInterruptWindow(true);
    assertThat(rig.run()).isEqualTo(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
    assertThat(rig.reg(RAX)).isEqualTo(1000);
    rig.vcpu.requestInterruptWindow(false);
    rig.vcpu.injectInterrupt(VECTOR);
    rig.runToHandler(VECTOR);
  }

  @Test
  void windowStaysUntilSwitchedOff() {
    Rig rig = rig();
    rig.code("nop\nhlt\nend:", Rig::interruptsOn);
    rig.vcpu.requestInterruptWindow(true);
    for (int i = 0; i < 3; i++) {
      assertThat(rig.run()).isEqualTo(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
      assertThat(rig.rip()).as("does not move").isEqualTo(BareGuest.CODE);
    }
    rig.vcpu.requestInterruptWindow(false);
    rig.runToHaltBefore("end");
  }

  @Test
  void noWindowWhileInterruptsAreOff() {
    Rig rig = rig();
    rig.code("mov ecx, 100000\na: loop a\nsti\ncli\nhlt\nend:");
    rig.vcpu.requestInterruptWindow(true);
    rig.runToHaltBefore("end");
  }

  @Test
  void stiWithInterruptsOnCastsNoShadow() {
    need(Capability.STEP);
    Rig rig = rig();
    rig.code("sti\nnop\nsti\nhlt");
    for (boolean interruptible : new boolean[] {false, true, true}) {
      rig.step(VcpuExit.Stepped.STEPPED);
      assertThat(rig.vcpu.interruptible()).as("at %#x", rig.rip()).isEqualTo(interruptible);
    }
  }

  @Test
  void wakesHalt() {
    Rig rig = rig();
    rig.code(
        "hlt\nafter: add eax, 1\ncli\nhlt\nend:\nhandler: add ebx, 1\niretq", Rig::interruptsOn);
    rig.handle(VECTOR, "handler");
    rig.runToHaltBefore("after");
    rig.vcpu.requestInterruptWindow(true);
    assertThat(rig.run()).isEqualTo(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
    rig.vcpu.requestInterruptWindow(false);
    rig.vcpu.injectInterrupt(VECTOR);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(1);
    assertThat(rig.reg(RAX)).isEqualTo(1);
  }

  @Test
  void stiAndHaltLoseNoInterrupt() {
    Rig rig = rig();
    rig.code("sti\nhlt\nafter: cli\nhlt\nend:\nhandler: add ebx, 1\niretq");
    rig.handle(VECTOR, "handler");
    rig.runToHaltBefore("after");
    assertThat(rig.vcpu.interruptible()).as("the shadow ended with HLT").isTrue();
    rig.vcpu.injectInterrupt(VECTOR);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(1);
  }

  @Test
  void afterAPortWriteItComesBeforeTheNextInstruction() {
    Rig rig = rig();
    rig.code("out 0x80, al\nafter: add eax, 1\nhlt", Rig::interruptsOn);
    rig.run(VcpuExit.PortWrite.class);
    deliveredAt(rig, "after", 0);
  }

  @Test
  void afterAnMmioWriteItComesBeforeTheNextInstruction() {
    Rig rig = rig();
    rig.code(
        "mov [rbx], rax\nafter: add eax, 1\nhlt",
        s -> {
          s.rflags |= IF;
          s.gpr[RBX] = DEVICE;
        });
    rig.run(VcpuExit.MmioWrite.class);
    deliveredAt(rig, "after", 0);
  }

  @Test
  void aReadThatWaitsIsCompletedFirst() {
    Rig rig = rig();
    rig.code(
        "in al, 0x60\nafter: mov ebx, [rbx]\nlast: add eax, 1\nhlt",
        s -> {
          s.rflags |= IF;
          s.gpr[RBX] = DEVICE;
        });
    VcpuExit.PortRead port = rig.run(VcpuExit.PortRead.class);
    refusedAndNoWindow(rig);
    port.complete(0x42);
    assertThat(rig.run()).isEqualTo(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
    assertThat(rig.rip()).isEqualTo(rig.at("after"));
    assertThat(rig.reg(RAX)).isEqualTo(0x42);
    rig.vcpu.requestInterruptWindow(false);
    VcpuExit.MmioRead device = rig.run(VcpuExit.MmioRead.class);
    refusedAndNoWindow(rig);
    device.complete(0x43);
    assertThat(rig.run()).isEqualTo(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
    assertThat(rig.rip()).isEqualTo(rig.at("last"));
    assertThat(rig.reg(RBX)).isEqualTo(0x43);
    deliveredAt(rig, "last", 0x42);
  }

  private static void refusedAndNoWindow(Rig rig) {
    assertThat(rig.vcpu.interruptible()).as("at a read that waits").isFalse();
    assertThatThrownBy(() -> rig.vcpu.injectInterrupt(VECTOR))
        .isInstanceOf(IllegalStateException.class);
    rig.vcpu.requestInterruptWindow(true);
  }

  @Test
  void betweenTheIterationsOfARepeatedOutput() {
    need(Capability.STRING_PORT_ITERATIONS);
    Rig rig = rig();
    rig.code(
        "here: rep outsb\ncli\nhlt\nend:\nhandler: add ebx, 1\niretq",
        s -> {
          s.rflags |= IF;
          s.gpr[RCX] = 3;
          s.gpr[RSI] = DATA;
          s.gpr[RDX] = 0x3f8;
        });
    rig.handle(VECTOR, "handler");
    for (int left = 2; left >= 0; left--) {
      rig.run(VcpuExit.PortWrite.class);
      assertThat(rig.reg(RCX)).isEqualTo(left);
      assertThat(rig.vcpu.interruptible()).isTrue();
      rig.vcpu.injectInterrupt(VECTOR);
    }
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(3);
    assertThat(rig.mem(BareGuest.KERNEL_STACK - 40))
        .as("last frame: past the instruction")
        .isEqualTo(rig.at("here") + 2);
  }

  @Test
  void insideARepeatedStore() {
    need(Capability.STEP, Capability.STEP_ITERATIONS);
    Rig rig = rig();
    rig.code(
        "here: rep stosb\ncli\nhlt\nend:\nhandler: mov ebx, ecx\niretq", InterruptContract::store);
    rig.handle(VECTOR, "handler");
    for (int i = 0; i < 40; i++) {
      rig.step(VcpuExit.Stepped.STEPPED);
    }
    assertThat(rig.vcpu.interruptible()).isTrue();
    rig.vcpu.injectInterrupt(VECTOR);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).as("RCX in the handler").isEqualTo(60);
    assertThat(rig.reg(RCX)).isZero();
    assertThat(rig.reg(RDI)).isEqualTo(DATA + 100);
    assertThat(rig.mem(BareGuest.KERNEL_STACK - 40)).isEqualTo(rig.at("here"));
  }

  private static void store(CpuState s) {
    s.rflags |= IF;
    s.gpr[RCX] = 100;
    s.gpr[RDI] = DATA;
  }

  @Test
  void oneAfterTheOther() {
    Rig rig = rig();
    rig.code(
        "mov ecx, 100\na: out 0x80, al\nloop a\ncli\nhlt\nend:\nhandler: add ebx, 1\niretq",
        Rig::interruptsOn);
    rig.handle(VECTOR, "handler");
    for (int i = 0; i < 100; i++) {
      rig.run(VcpuExit.PortWrite.class);
      rig.vcpu.injectInterrupt(VECTOR);
    }
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(100);
    assertThat(rig.reg(RSP)).isEqualTo(BareGuest.KERNEL_STACK);
  }
}
