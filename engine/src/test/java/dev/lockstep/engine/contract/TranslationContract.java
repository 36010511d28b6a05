package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.DATA;
import static dev.lockstep.engine.contract.Rig.RBX;
import static dev.lockstep.engine.contract.Rig.RDI;
import static dev.lockstep.engine.contract.Rig.RDX;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a guest has changed in its page tables, and said so by the rules (Intel SDM vol. 3A 4.10.4), holds for the next access, however the instructions of both were executed: run, stepped, or in turn.
 */
abstract class TranslationContract extends ContractSubject {
  /** Two pages with different contents, and a linear page that shows first one, then the other. */
  private static final long ONE = DATA + 0x2000, OTHER = DATA + 0x3000, WINDOW = 0x60_0000;

  private static final VcpuExit STEPPED = VcpuExit.Stepped.STEPPED;

  /** The entry of {@link #WINDOW} is in RDI, its new value in RDX. */
  private Rig windowed(String source) {
    Rig rig = rig();
    rig.guest.map(WINDOW, ONE, 7);
    rig.guest.memory().write64(ONE, 0x11);
    rig.guest.memory().write64(OTHER, 0x22);
    rig.code(
        source,
        s -> {
          s.gpr[RDI] = entry(rig, s.cr3);
          s.gpr[RDX] = OTHER | 7;
          s.gpr[RBX] = WINDOW;
        });
    return rig;
  }

  private static long entry(Rig rig, long cr3) {
    long table = cr3;
    for (int shift = 39; shift > 12; shift -= 9) {
      table = rig.mem(table + (WINDOW >>> shift & 511) * 8) & -4096L;
    }
    return table + (WINDOW >>> 12 & 511) * 8;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "invlpg [rbx]",
        "mov rcx, cr3\nmov cr3, rcx",
        "mov rcx, cr4\nxor rcx, 0x80\nmov cr4, rcx",
      })
  void aChangeThatWasSteppedHoldsForWhatRuns(String flush) {
    need(Capability.STEP);
    Rig rig =
        windowed(
            "mov rax, [rbx]\nout 0x80, al\nmov [rdi], rdx\n"
                + flush
                + "\nafter: mov rax, [rbx]\nout 0x81, al\nhlt");
    assertThat(rig.run(VcpuExit.PortWrite.class).value()).isEqualTo(0x11);
    while (rig.rip() != rig.at("after")) {
      rig.step(STEPPED);
    }
    assertThat(rig.run(VcpuExit.PortWrite.class).value()).isEqualTo(0x22);
  }

  @Test
  void aChangeThatRanHoldsForWhatIsStepped() {
    need(Capability.STEP);
    Rig rig =
        windowed(
            "first: mov rax, [rbx]\nsecond: mov [rdi], rdx\ninvlpg [rbx]\nout 0x80, al\nmov rax, [rbx]\nthird: hlt");
    rig.step(STEPPED);
    assertThat(rig.rip()).isEqualTo(rig.at("second"));
    assertThat(rig.run(VcpuExit.PortWrite.class).value()).isEqualTo(0x11);
    rig.step(STEPPED);
    assertThat(rig.rip()).isEqualTo(rig.at("third"));
    assertThat(rig.reg(Rig.RAX)).isEqualTo(0x22);
  }

  @Test
  void whatUserModeSeesFollowsTheKernelsSteps() {
    need(Capability.STEP);
    Rig rig =
        windowed("user: mov rax, [rbx]\nud2\nkernel: mov [rdi], rdx\ninvlpg [rbx]\ndone: nop");
    user(rig);
    rig.runToHandler(6);
    assertThat(rig.reg(Rig.RAX)).isEqualTo(0x11);
    rig.change(s -> {
      s.halted = false;
      s.rip = rig.at("kernel");
    });
    while (rig.rip() != rig.at("done")) {
      rig.step(STEPPED);
    }
    user(rig);
    rig.runToHandler(6);
    assertThat(rig.reg(Rig.RAX)).isEqualTo(0x22);
  }

  private static void user(Rig rig) {
    CpuState user = rig.guest.user64(rig.at("user"));
    user.gpr[RDI] = entry(rig, user.cr3);
    user.gpr[RDX] = OTHER | 7;
    user.gpr[RBX] = WINDOW;
    user.gpr[Rig.RSP] = Rig.USER_STACK;
    rig.vcpu.setState(user);
  }
}
