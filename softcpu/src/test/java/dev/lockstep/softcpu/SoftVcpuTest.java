package dev.lockstep.softcpu;

import static dev.lockstep.engine.testkit.Asm.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Asm;
import dev.lockstep.engine.testkit.BareGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the software vCPU promises beyond the engine contract (see {@link SoftContractTest}): its instruction count, its virtual TSC, its caches of decoded code. */
final class SoftVcpuTest {
  private static final long MMIO = 0x50_0000;
  private static final long DATA = 0x10_0000;

  private final BareGuest guest = new BareGuest();
  private final SoftVcpu cpu = vcpu(BranchSemantics.ALL_TRANSFERS);
  private final CpuState state = new CpuState();

  private SoftVcpu vcpu(BranchSemantics semantics) {
    return SoftVcpu.create(
        CpuModel.LOCKSTEP_V1_TSC, guest.memory(), count -> 1000 + count, semantics);
  }

  private static Asm code() {
    return new Asm(BareGuest.CODE);
  }

  private void start(Asm asm) {
    guest.load(BareGuest.CODE, asm.bytes());
    cpu.setState(guest.kernel64(BareGuest.CODE));
  }

  private CpuState state() {
    cpu.getState(state);
    return state;
  }

  @AfterEach
  void close() {
    cpu.close();
    guest.close();
  }

  @Test
  void countsBranchesAndInstructions() {
    Asm asm = code();
    asm.movi(RCX, 5).label("loop").dec(RCX).jcc(NE, "loop");
    asm.call("sub").jmp("end").label("sub").ret().label("end").hlt();
    start(asm);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    // 5 Jcc, CALL, RET, JMP.
    assertThat(cpu.branchCount()).isEqualTo(8);
    assertThat(cpu.instructionsExecuted()).isEqualTo(1 + 10 + 4);
    assertThat(state().rip).isEqualTo(asm.here());
  }

  @Test
  void codeThatWritesItselfIsSeenAtOnce() {
    Asm asm = code();
    // The store turns the constant of the next instruction from 1 into 42.
    asm.movi(RBX, 0).movi(RAX, 42).label("store").store8(RBX, 0, RAX);
    long patched = asm.here() + 1;
    asm.hex("b9 01 00 00 00").hlt();
    byte[] code = asm.bytes();
    for (int i = 0; i < 8; i++) {
      code[2 + i] = (byte) (patched >> 8 * i);
    }
    guest.load(BareGuest.CODE, code);
    cpu.setState(guest.kernel64(BareGuest.CODE));
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().gpr[RCX]).isEqualTo(42);
  }

  @Test
  void codeWrittenThroughAnAliasIsSeen() {
    long alias = 0x80_0000;
    guest.map(alias, BareGuest.CODE, 3);
    Asm asm = code();
    asm.movi(RBX, alias).movi(RAX, 2).label("again");
    long constant = asm.here() - BareGuest.CODE + 1;
    asm.hex("b9 01 00 00 00").hex("88 43 " + "%02x".formatted(constant));
    asm.alui(CMP, RDX, 1).jcc(E, "end").movi(RDX, 1).jmp("again").label("end").hlt();
    start(asm);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().gpr[RCX]).isEqualTo(2);
  }

  @Test
  void codeWrittenFromOutsideIsSeen() {
    Asm asm = code();
    asm.hex("b9 01 00 00 00").hlt();
    start(asm);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    guest.memory().write8(BareGuest.CODE + 1, 9);
    cpu.setState(guest.kernel64(BareGuest.CODE));
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().gpr[RCX]).isEqualTo(9);
  }

  @Test
  void instructionAcrossTwoPagesFollowsTheSecondPage() {
    long first = 0x80_0000;
    long second = first + 0x1000;
    guest.map(first, 0x30_0000, 3);
    guest.map(second, 0x30_1000, 3);
    // MOV ECX, imm32 with its last two bytes on the second page, then HLT.
    guest.load(0x30_0ffd, new byte[] {(byte) 0xb9, 1, 0, 0, 0, (byte) 0xf4});
    guest.load(0x30_2000, new byte[] {1, 0, (byte) 0xf4});
    cpu.setState(guest.kernel64(first + 0xffd));
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().gpr[RCX]).isEqualTo(1);
    guest.map(second, 0x30_2000, 3);
    cpu.setState(guest.kernel64(first + 0xffd));
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().gpr[RCX]).isEqualTo(0x1_0001);
    guest.map(second, 0, 0);
    cpu.setState(guest.kernel64(first + 0xffd));
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().cr2).isEqualTo(second);
    assertThat(guest.memory().read64(state().gpr[RSP] + 8)).isEqualTo(first + 0xffd);
  }

  @Test
  void realModeIsRefusedByName() {
    CpuState real = guest.kernel64(BareGuest.CODE);
    real.cr0 = 0x10;
    assertThatThrownBy(() -> cpu.setState(real)).hasMessageContaining("cr0");
  }

  @Test
  void timeStampIsAFunctionOfTheCount() {
    Asm asm = code();
    asm.movi(RCX, 4).label("loop").dec(RCX).jcc(NE, "loop").hex("0f 31").hlt();
    start(asm);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().gpr[RAX]).isEqualTo(1004);
  }
}
