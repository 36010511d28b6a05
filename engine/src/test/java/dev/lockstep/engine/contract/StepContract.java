package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.DATA;
import static dev.lockstep.engine.contract.Rig.DEVICE;
import static dev.lockstep.engine.contract.Rig.RAX;
import static dev.lockstep.engine.contract.Rig.RBX;
import static dev.lockstep.engine.contract.Rig.RCX;
import static dev.lockstep.engine.contract.Rig.RDI;
import static dev.lockstep.engine.contract.Rig.RDX;
import static dev.lockstep.engine.contract.Rig.RSI;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** One step is one instruction, one iteration or one delivery, for every kind of instruction. */
abstract class StepContract extends ContractSubject {
  private static final VcpuExit STEPPED = VcpuExit.Stepped.STEPPED;

  /** The instruction at {@code here} must end at {@code next}, and what lies between must not run. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "here: nop\nnext:",
        "here: add [data], rax\nnext:",
        "here: lock xadd [data], rax\nnext:",
        "here: mul rcx\nnext:",
        "here: div rcx\nnext:",
        "here: push rax\nnext:",
        "here: pop rax\nnext:",
        "here: pushfq\nnext:",
        "here: popfq\nnext:",
        "here: lahf\nnext:",
        "here: cpuid\nnext:",
        "here: movsb\nnext:",
        "here: rep movsb\nnext:",
        "test eax, eax\nhere: jne next\nadd ebx, 1\nnext:",
        "test eax, eax\nhere: je away\nnext: nop\naway: add ebx, 1",
        "here: jmp next\nadd ebx, 1\nnext:",
        "here: jmp short next\nadd ebx, 1\nnext:",
        "mov rax, next\nhere: jmp rax\nadd ebx, 1\nnext:",
        "here: call next\nadd ebx, 1\nnext:",
        "mov rax, next\npush rax\nhere: ret\nadd ebx, 1\nnext:",
        "mov ecx, 5\nhere: loop next\nadd ebx, 1\nnext:",
        "mov ecx, 1\nhere: loop away\nnext: nop\naway: add ebx, 1",
        "xor ecx, ecx\nhere: jrcxz next\nadd ebx, 1\nnext:",
        "mov rax, next\npush 0x10\npush rax\nhere: retfq\nadd ebx, 1\nnext:",
        "mov rax, next\npush 0x18\npush 0x8000\npush 2\npush 0x10\npush rax\nhere: iretq\nadd ebx, 1\nnext:",
        "here: mov rax, cr3\nnext:",
        "mov rax, cr3\nhere: mov cr3, rax\nnext:",
        "mov rax, cr0\nhere: mov cr0, rax\nnext:",
        "mov rax, cr4\nhere: mov cr4, rax\nnext:",
        "here: invlpg [data]\nnext:",
        "here: mov rax, dr6\nnext:",
        "here: clts\nnext:",
        "here: swapgs\nnext:",
        "here: sgdt [data]\nnext:",
        "sgdt [data]\nhere: lgdt [data]\nnext:",
        "sidt [data]\nhere: lidt [data]\nnext:",
        "mov eax, 0x18\nhere: mov ds, eax\nnext:",
        "mov ecx, 0xc0000102\nhere: rdmsr\nnext:",
        "mov ecx, 0xc0000102\nhere: wrmsr\nnext:",
        "here: fninit\nnext:",
        "here: fxsave [data]\nnext:",
        "fxsave [data]\nhere: fxrstor [data]\nnext:",
        "here: cli\nnext:",
        "here: wbinvd\nnext:",
        "here: cld\nnext:"
      })
  void oneInstruction(String source) {
    need(Capability.STEP);
    Rig rig = rig();
    rig.code(source + "\nnop\nmov esi, 1\nhlt", StepContract::operands);
    for (int i = 0; rig.rip() != rig.at("here"); i++) {
      assertThat(i).as("instructions before it").isLessThan(10);
      rig.step(STEPPED);
    }
    rig.step(STEPPED);
    long next = rig.at("next");
    if (source.startsWith("here: rep")) {
      assertThat(rig.reg(RCX)).isEqualTo(has(Capability.STEP_ITERATIONS) ? 2 : 0);
    } else {
      assertThat(rig.rip()).isEqualTo(next);
    }
    if (!source.contains("cpuid")) {
      assertThat(rig.reg(RBX)).as("nothing between ran").isZero();
    }
  }

  private static void operands(CpuState s) {
    s.gpr[RAX] = 100;
    s.gpr[RCX] = 3;
    s.gpr[RSI] = DATA + 0x1000;
    s.gpr[RDI] = DATA + 0x2000;
    s.gpr[Rig.RSP] = BareGuest.KERNEL_STACK - 16;
  }

  @ParameterizedTest
  @CsvSource({
    "'int 0x80', 128, true",
    "int3, 3, true",
    "ud2, 6, false",
    "'mov eax, [0x70000000]', 14, false",
    "'div edx', 0, false",
    "'mov cr0, rdx', 13, false"
  })
  void faultAndSoftwareInterruptAreOneStepToTheHandler(String source, int vector, boolean trap) {
    need(Capability.STEP, Capability.STEP_DELIVERIES);
    Rig rig = rig();
    // CR0 with PG and without PE is refused by #GP.
    rig.code(
        "here: " + source + "\nnext: hlt",
        s -> s.gpr[RDX] = source.contains("cr0") ? 0x8000_0000L : 0);
    rig.step(STEPPED);
    assertThat(rig.rip()).isEqualTo(BareGuest.handler(vector));
    boolean code = vector == 13 || vector == 14;
    assertThat(rig.frame(code).rip()).isEqualTo(rig.at(trap ? "next" : "here"));
    rig.step(VcpuExit.Halt.HALT);
  }

  @Test
  void pendingEventIsAStepOfItsOwn() {
    need(Capability.STEP, Capability.STEP_DELIVERIES);
    Rig rig = rig();
    rig.code("here: nop\nhlt", Rig::interruptsOn);
    rig.vcpu.injectInterrupt(0x30);
    rig.step(STEPPED);
    assertThat(rig.rip()).isEqualTo(BareGuest.handler(0x30));
    rig.code("here: nop\nhlt");
    rig.vcpu.injectNmi();
    rig.step(STEPPED);
    assertThat(rig.rip()).isEqualTo(BareGuest.handler(2));
    rig.code("here: nop\nhlt");
    rig.vcpu.injectException(13, 0);
    rig.step(STEPPED);
    assertThat(rig.rip()).isEqualTo(BareGuest.handler(13));
  }

  @Test
  void iterationsOfEveryRepeatedInstruction() {
    need(Capability.STEP, Capability.STEP_ITERATIONS);
    for (String name :
        new String[] {"rep movsq", "rep stosw", "rep lodsb", "repe cmpsb", "repne scasb"}) {
      Rig rig = rig();
      // All zeros: CMPS goes on while equal, SCAS looks for 100 in vain.
      rig.code("here: " + name + "\nnext: hlt", StepContract::operands);
      for (int left = 2; left >= 0; left--) {
        rig.step(STEPPED);
        assertThat(rig.reg(RCX)).as(name).isEqualTo(left);
        assertThat(rig.rip()).as(name).isEqualTo(rig.at(left > 0 ? "here" : "next"));
      }
      rig.step(VcpuExit.Halt.HALT);
    }
  }

  @Test
  void haltIsAnExit() {
    need(Capability.STEP);
    Rig rig = rig();
    rig.code("hlt\nnext: nop\nhlt");
    rig.step(VcpuExit.Halt.HALT);
    assertThat(rig.rip()).isEqualTo(rig.at("next"));
    assertThat(rig.state().halted).isTrue();
    rig.step(VcpuExit.Halt.HALT);
    assertThat(rig.rip()).isEqualTo(rig.at("next"));
  }

  @Test
  void shutdownIsAnExit() {
    need(Capability.STEP);
    Rig rig = rig();
    rig.code("ud2", s -> s.idtLimit = 0);
    rig.step(VcpuExit.Shutdown.SHUTDOWN);
    rig.step(VcpuExit.Shutdown.SHUTDOWN);
  }

  @Test
  void writesExitAndAreDone() {
    need(Capability.STEP);
    Rig rig = rig();
    rig.code("out 0x80, al\na: mov [rbx], eax\nb: nop\nc: hlt", s -> s.gpr[RBX] = DEVICE);
    assertThat(rig.vcpu.step()).isInstanceOf(VcpuExit.PortWrite.class);
    assertThat(rig.rip()).isEqualTo(rig.at("a"));
    assertThat(rig.vcpu.step()).isInstanceOf(VcpuExit.MmioWrite.class);
    assertThat(rig.rip()).isEqualTo(rig.at("b"));
    rig.step(STEPPED);
    assertThat(rig.rip()).isEqualTo(rig.at("c"));
  }

  @Test
  void readExitsAndTheNextStepCompletesIt() {
    need(Capability.STEP);
    Rig rig = rig();
    rig.code("here: in al, 0x60\na: mov edx, [rbx]\nb: nop\nhlt", s -> s.gpr[RBX] = DEVICE);
    ((VcpuExit.PortRead) rig.vcpu.step()).complete(7);
    assertThat(rig.rip()).isEqualTo(rig.at("here"));
    rig.step(STEPPED);
    assertThat(rig.rip()).as("the completion is the step").isEqualTo(rig.at("a"));
    assertThat(rig.reg(RAX)).isEqualTo(7);
    ((VcpuExit.MmioRead) rig.vcpu.step()).complete(8);
    rig.step(STEPPED);
    assertThat(rig.rip()).isEqualTo(rig.at("b"));
    assertThat(rig.reg(RDX)).isEqualTo(8);
  }

  @Test
  void completionOfAReadModifyWriteIsItsWrite() {
    need(Capability.STEP);
    Rig rig = rig();
    rig.code("add [rbx], eax\nb: nop\nhlt", s -> s.gpr[RBX] = DEVICE);
    ((VcpuExit.MmioRead) rig.vcpu.step()).complete(8);
    assertThat(rig.vcpu.step()).isInstanceOf(VcpuExit.MmioWrite.class);
    assertThat(rig.rip()).isEqualTo(rig.at("b"));
  }

  @Test
  void refusedMsrIsOneStepToItsHandler() {
    need(Capability.STEP, Capability.MSR_EXITS, Capability.STEP_DELIVERIES);
    for (String name : new String[] {"rdmsr", "wrmsr"}) {
      Rig rig = rig();
      rig.code("here: " + name + "\nhlt", s -> s.gpr[RCX] = 0x4000_0200);
      rig.vcpu.step();
      rig.step(STEPPED);
      assertThat(rig.rip()).as(name).isEqualTo(BareGuest.handler(13));
      assertThat(rig.frame(true).rip()).as(name).isEqualTo(rig.at("here"));
    }
  }

  @Test
  void userModeAndItsSystemCalls() {
    need(Capability.STEP, Capability.STEP_USER, Capability.SYSTEM_CALLS);
    Rig rig = rig();
    rig.userCode(
        "nop\ncall a\na: syscall\nback: nop\nhlt\nentry: sysretq",
        s -> {
          // SYSCALL loads 0x10 and 0x18; SYSRET 0x23 + 16 and 0x23 + 8 (SDM vol. 2B).
          s.star = 0x23L << 48 | 0x10L << 32;
          s.sfmask = 0x200;
        });
    rig.change(s -> s.lstar = rig.at("entry"));
    rig.step(STEPPED);
    rig.step(STEPPED);
    assertThat(rig.rip()).isEqualTo(rig.at("a"));
    rig.step(STEPPED);
    assertThat(rig.rip()).isEqualTo(rig.at("entry"));
    assertThat(rig.state().segments[CpuState.CS].selector).isEqualTo(0x10);
    assertThat(rig.reg(RCX)).isEqualTo(rig.at("back"));
    rig.step(STEPPED);
    assertThat(rig.rip()).isEqualTo(rig.at("back"));
    assertThat(rig.state().segments[CpuState.CS].selector).isEqualTo(0x33);
    rig.step(STEPPED);
  }

  @Test
  void stepLeavesNoTraceInFlagsOrDebugRegisters() {
    need(Capability.STEP);
    Rig rig = rig();
    rig.code("pushfq\npop rax\npushfq\npop rbx\nhlt");
    long dr6 = rig.state().dr6;
    long dr7 = rig.state().dr7;
    for (int i = 0; i < 4; i++) {
      rig.step(STEPPED);
    }
    assertThat(rig.reg(RAX)).as("flags as the guest sees them").isEqualTo(2);
    assertThat(rig.reg(RBX)).isEqualTo(2);
    assertThat(rig.state().rflags).isEqualTo(2);
    assertThat(rig.state().dr6).isEqualTo(dr6);
    assertThat(rig.state().dr7).isEqualTo(dr7);
  }

  @Test
  void stepAndRunAlternate() {
    need(Capability.STEP);
    Rig rig = rig();
    rig.code("mov ecx, 30\na: add eax, ecx\nout 0x80, al\nloop a\nhlt\nend:");
    int sum = 0;
    for (int i = 30; i > 0; i--) {
      sum += i;
      assertThat(rig.run(VcpuExit.PortWrite.class).value()).isEqualTo(sum & 0xff);
      rig.step(STEPPED);
      assertThat(rig.reg(RCX)).isEqualTo(i - 1);
    }
    rig.runToHaltBefore("end");
  }
}
