package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.DATA;
import static dev.lockstep.engine.contract.Rig.RAX;
import static dev.lockstep.engine.contract.Rig.RBX;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import org.junit.jupiter.api.Test;

/** The guest's own debugging: breakpoints by DR0..DR3, INT3, single step by TF (Intel SDM vol. 3B chapter 18). */
abstract class GuestDebugContract extends ContractSubject {
  private static final int DB = 1;
  private static final long TF = 1 << 8;
  private static final long BS = 1 << 14;
  private static final int WRITE = 1, IO = 2, ACCESS = 3;

  /** Arms breakpoint {@code number} globally; {@code length} in bytes. */
  private static void arm(CpuState s, int number, long address, int kind, int length) {
    s.debugAddress[number] = address;
    int coded = length == 8 ? 2 : length - 1;
    s.dr7 |= 2L << 2 * number | (long) (coded << 2 | kind) << 16 + 4 * number;
  }

  @Test
  void instructionBreakpointComesBeforeItsInstruction() {
    need(Capability.GUEST_BREAKPOINTS);
    for (int number = 0; number < 4; number++) {
      Rig rig = rig();
      rig.code("mov eax, 1\nhere: mov eax, 2\nhlt");
      int armed = number;
      rig.change(s -> arm(s, armed, rig.at("here"), 0, 1));
      rig.runToHandler(DB);
      assertThat(rig.frame(false).rip()).isEqualTo(rig.at("here"));
      assertThat(rig.reg(RAX)).isEqualTo(1);
      assertThat(rig.state().dr6 & 15).isEqualTo(1 << number);
      assertThat(rig.state().dr6 & BS).isZero();
    }
  }

  @Test
  void resumeFlagLetsTheInstructionPass() {
    need(Capability.GUEST_BREAKPOINTS, Capability.RESUME_FLAG);
    Rig rig = rig();
    // The handler sets RF in the image that IRET loads (SDM vol. 3B 18.3.1.1).
    rig.code(
        "mov ecx, 3\nhere: add eax, 1\nloop here\nhlt\nend:\n"
            + "handler: add ebx, 1\nor dword [rsp+16], 0x10000\niretq");
    rig.handle(DB, "handler");
    rig.change(s -> arm(s, 1, rig.at("here"), 0, 1));
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RAX)).isEqualTo(3);
    assertThat(rig.reg(RBX)).isEqualTo(3);
  }

  @Test
  void breakpointThatIsNotEnabledIsSilent() {
    Rig rig = rig();
    rig.code("here: mov eax, 1\nmov [data], eax\nhlt\nend:");
    rig.change(s -> {
      arm(s, 0, rig.at("here"), 0, 1);
      s.dr7 &= ~0xffL;
    });
    rig.runToHaltBefore("end");
  }

  @Test
  void dataBreakpointComesAfterItsAccess() {
    need(Capability.GUEST_WATCHPOINTS);
    Rig rig = rig();
    rig.code(
        "mov eax, [data]\nmov dword [data+2], 7\nafter: mov eax, 2\nhlt",
        s -> arm(s, 2, DATA, WRITE, 4));
    rig.runToHandler(DB);
    assertThat(rig.frame(false).rip()).as("loads pass, the store traps").isEqualTo(rig.at("after"));
    assertThat(rig.state().dr6 & 15).isEqualTo(4);
    assertThat(rig.mem(DATA) >>> 16).isEqualTo(7);
  }

  @Test
  void accessBreakpointSeesLoads() {
    need(Capability.GUEST_WATCHPOINTS);
    Rig rig = rig();
    rig.code("mov al, [data+8]\nmov al, [data+7]\nafter: hlt", s -> arm(s, 3, DATA, ACCESS, 8));
    rig.runToHandler(DB);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("after"));
    assertThat(rig.state().dr6 & 15).isEqualTo(8);
  }

  @Test
  void portBreakpointComesAfterItsExit() {
    need(Capability.GUEST_WATCHPOINTS);
    Rig rig = rig();
    rig.code(
        "out 0x80, al\nout 0x81, al\nafter: mov eax, 2\nhlt",
        s -> {
          s.cr4 |= 8; // DE
          arm(s, 0, 0x81, IO, 1);
        });
    assertThat(rig.run(VcpuExit.PortWrite.class).port()).isEqualTo(0x80);
    assertThat(rig.run(VcpuExit.PortWrite.class).port()).isEqualTo(0x81);
    rig.runToHandler(DB);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("after"));
    assertThat(rig.state().dr6 & 15).isEqualTo(1);
  }

  @Test
  void trapFlagStepsTheGuest() {
    need(Capability.GUEST_TRAP_FLAG);
    Rig rig = rig();
    String source =
        """
        push 0x102
        popfq
        a: add eax, 1
        b: add eax, 1
        c: add eax, 1
        push 2
        popfq
        d: hlt
        end:
        handler: add ebx, 1
        iretq
        """;
    rig.code(source);
    rig.handle(DB, "handler");
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RAX)).isEqualTo(3);
    // After a, b, c, PUSH and the POPF that ends it.
    assertThat(rig.reg(RBX)).isEqualTo(5);
    assertThat(rig.state().dr6 & BS).isEqualTo(BS);
  }

  @Test
  void trapFlagInTheState() {
    need(Capability.GUEST_TRAP_FLAG);
    Rig rig = rig();
    rig.code("here: add eax, 1\nafter: add eax, 1\nhlt", s -> s.rflags |= TF);
    rig.runToHandler(DB);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("after"));
    assertThat(rig.frame(false).rflags() & TF).isEqualTo(TF);
    assertThat(rig.state().rflags & TF).isZero();
    assertThat(rig.reg(RAX)).isEqualTo(1);
  }

  @Test
  void breakpointInstruction() {
    Rig rig = rig();
    rig.code("nop\nint3\nafter: hlt");
    rig.runToHandler(3);
    assertThat(rig.frame(false).rip()).isEqualTo(rig.at("after"));
    assertThat(rig.frame(false).cs()).isEqualTo(BareGuest.KERNEL_CODE);
  }

  @Test
  void enginesStepsAndTheGuestsBreakpointsAreApart() {
    need(Capability.STEP, Capability.STEP_DELIVERIES, Capability.GUEST_BREAKPOINTS);
    Rig rig = rig();
    rig.code("mov eax, 1\nhere: mov eax, 2\nhlt");
    rig.change(s -> arm(s, 0, rig.at("here"), 0, 1));
    rig.step(VcpuExit.Stepped.STEPPED);
    rig.step(VcpuExit.Stepped.STEPPED);
    assertThat(rig.rip()).isEqualTo(BareGuest.handler(DB));
    assertThat(rig.state().dr6 & BS).as("no trace of the engine's step").isZero();
    assertThat(rig.state().dr6 & 15).isEqualTo(1);
  }

  @Test
  void debugRegistersReadAndWrite() {
    Rig rig = rig();
    rig.code("mov eax, 0x1234\nmov dr1, rax\nmov rbx, dr1\nmov rcx, dr6\nmov rdx, dr7\nhlt\nend:");
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(0x1234);
    assertThat(rig.state().debugAddress[1]).isEqualTo(0x1234);
    assertThat(rig.reg(Rig.RCX)).isEqualTo(0xffff_0ff0L);
    assertThat(rig.reg(Rig.RDX)).isEqualTo(0x400);
  }
}
