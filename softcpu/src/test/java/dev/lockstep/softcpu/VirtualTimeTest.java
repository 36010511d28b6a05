package dev.lockstep.softcpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.TimeStampCounter;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Assembler;
import dev.lockstep.engine.testkit.BareGuest;
import org.junit.jupiter.api.Test;

/** The time stamp counter is what the machine makes of the branch count, moved by what the guest wrote to it (Intel SDM vol. 3B 18.17). */
final class VirtualTimeTest {
  private static final int RAX = 0;
  private static final int RDX = 2;
  private static final long START = 0x0123_4567_8000_0000L;

  private final CpuState state = new CpuState();

  private void run(String source, TimeStampCounter tsc) {
    try (BareGuest guest = new BareGuest();
        SoftVcpu cpu =
            SoftVcpu.create(
                CpuModel.LOCKSTEP_V1_TSC, guest.memory(), tsc, BranchSemantics.ALL_TRANSFERS)) {
      Assembler asm = new Assembler(BareGuest.CODE, 64);
      guest.load(BareGuest.CODE, asm.add(source).add("hlt").assemble());
      cpu.setState(guest.kernel64(BareGuest.CODE));
      assertThat(cpu.run(1_000_000)).isEqualTo(VcpuExit.Halt.HALT);
      cpu.getState(state);
    }
  }

  private long pair() {
    return state.gpr[RDX] << 32 | state.gpr[RAX];
  }

  @Test
  void bothHalvesOfTheTimeStamp() {
    run("mov rax, -1\nmov rdx, -1\nrdtsc", count -> START + count);
    assertThat(pair()).isEqualTo(START);
    assertThat(state.gpr[RDX] >>> 32).isZero();
  }

  @Test
  void onlyBranchesMoveIt() {
    run("nop\nnop\nnop\nrdtsc", count -> START + 1000 * count);
    assertThat(pair()).isEqualTo(START);
    run("mov ecx, 7\na:\nloop a\nrdtsc", count -> START + 1000 * count);
    assertThat(pair()).isEqualTo(START + 7000);
  }

  @Test
  void whatTheGuestWroteGoesOn() {
    run(
        """
        jmp a
        a:
        mov ecx, 0x10
        mov eax, 5
        mov edx, 2
        wrmsr
        mov ecx, 3
        b:
        loop b
        rdtsc
        """,
        count -> START + 1000 * count);
    assertThat(pair()).isEqualTo((2L << 32) + 5 + 3000);
  }

  @Test
  void theRegisterReadsAsTheInstruction() {
    run("jmp a\na:\nmov ecx, 0x10\nrdmsr", count -> START + 1000 * count);
    assertThat(pair()).isEqualTo(START + 1000);
  }
}
