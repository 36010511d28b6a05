package dev.lockstep.softcpu;

import static dev.lockstep.engine.testkit.Asm.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Asm;
import dev.lockstep.engine.testkit.BareGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Exits, limits, counts and events of the software vCPU, on small guests. */
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
  void countsEveryTransferOnce() {
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
  void countsConditionalBranchesOnly() {
    SoftVcpu conditional = vcpu(BranchSemantics.CONDITIONAL);
    Asm asm = code();
    asm.movi(RCX, 5).label("loop").dec(RCX).jcc(NE, "loop");
    asm.call("sub").jmp("end").label("sub").ret().label("end").hlt();
    guest.load(BareGuest.CODE, asm.bytes());
    conditional.setState(guest.kernel64(BareGuest.CODE));
    assertThat(conditional.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(conditional.branchCount()).isEqualTo(5);
    assertThat(conditional.point().digest()).isNotZero();
  }

  @Test
  void deadlineComesAtTheFirstBoundaryWithTheCount() {
    Asm asm = code();
    asm.movi(RCX, 100).label("loop").inc(RAX).inc(RDX).dec(RCX).jcc(NE, "loop").hlt();
    start(asm);
    for (int count : new int[] {1, 7, 8, 50, 99, 100}) {
      assertThat(cpu.run(count)).isEqualTo(VcpuExit.Deadline.DEADLINE);
      assertThat(cpu.branchCount()).isEqualTo(count);
      assertThat(state().gpr[RAX]).isEqualTo(count);
      assertThat(state().rip).isEqualTo(count < 100 ? asm.address("loop") : asm.here() - 1);
    }
    // Already there: does not move.
    assertThat(cpu.run(100)).isEqualTo(VcpuExit.Deadline.DEADLINE);
    assertThat(cpu.run(101)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(cpu.run(101)).isEqualTo(VcpuExit.Halt.HALT);
  }

  @Test
  void kickStopsTheNextRunOnce() {
    start(code().label("loop").jmp("loop"));
    cpu.kick();
    cpu.kick();
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Kicked.KICKED);
    assertThat(cpu.run(1000)).isEqualTo(VcpuExit.Deadline.DEADLINE);
    assertThat(cpu.branchCount()).isEqualTo(1000);
  }

  @Test
  void kickFromAnotherThreadStopsAnEndlessLoop() throws InterruptedException {
    start(code().label("loop").jmp("loop"));
    Thread kicker = Thread.ofPlatform().start(cpu::kick);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Kicked.KICKED);
    kicker.join();
  }

  @Test
  void portReadWaitsOnTheInstruction() {
    Asm asm = code();
    asm.movi(RAX, -1).in(0x60).mov(RBX, RAX).hlt();
    start(asm);
    VcpuExit exit = cpu.run(Long.MAX_VALUE);
    assertThat(exit).isInstanceOf(VcpuExit.PortRead.class);
    VcpuExit.PortRead read = (VcpuExit.PortRead) exit;
    assertThat(read.port()).isEqualTo(0x60);
    assertThat(read.width()).isEqualTo(1);
    assertThat(state().rip).isEqualTo(BareGuest.CODE + 10);
    assertThat(cpu.interruptible()).isFalse();
    read.complete(0x1ab);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().gpr[RBX]).isEqualTo(0xffff_ffff_ffff_ffabL);
  }

  @Test
  void portWriteLeavesRipPastIt() {
    Asm asm = code();
    asm.movi(RAX, 0x1234).out(0x80).hlt();
    start(asm);
    VcpuExit.PortWrite write = (VcpuExit.PortWrite) cpu.run(Long.MAX_VALUE);
    assertThat(write.port()).isEqualTo(0x80);
    assertThat(write.value()).isEqualTo(0x34);
    assertThat(state().rip).isEqualTo(BareGuest.CODE + 12);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
  }

  @Test
  void deviceMemoryIsReadAndWrittenByExits() {
    guest.map(MMIO, MMIO, 3);
    Asm asm = code();
    asm.movi(RBX, MMIO).movi(RCX, 7);
    // add [rbx+8], rcx: one read, one write.
    asm.hex("48 01 4b 08").hlt();
    start(asm);
    VcpuExit.MmioRead read = (VcpuExit.MmioRead) cpu.run(Long.MAX_VALUE);
    assertThat(read.address()).isEqualTo(MMIO + 8);
    assertThat(read.width()).isEqualTo(8);
    assertThat(state().rip).isEqualTo(BareGuest.CODE + 20);
    read.complete(100);
    VcpuExit.MmioWrite write = (VcpuExit.MmioWrite) cpu.run(Long.MAX_VALUE);
    assertThat(write.address()).isEqualTo(MMIO + 8);
    assertThat(write.value()).isEqualTo(107);
    assertThat(state().rip).isEqualTo(BareGuest.CODE + 24);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
  }

  @Test
  void oneInstructionMayAskForSeveralReads() {
    guest.map(MMIO, MMIO, 3);
    Asm asm = code();
    asm.movi(RSI, MMIO).movi(RDI, MMIO + 0x100).hex("48 a7").hlt(); // CMPSQ
    start(asm);
    VcpuExit.MmioRead first = (VcpuExit.MmioRead) cpu.run(Long.MAX_VALUE);
    assertThat(first.address()).isEqualTo(MMIO);
    first.complete(5);
    VcpuExit.MmioRead second = (VcpuExit.MmioRead) cpu.run(Long.MAX_VALUE);
    assertThat(second.address()).isEqualTo(MMIO + 0x100);
    second.complete(6);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().rflags & 0x41).isEqualTo(1);
    assertThat(state().gpr[RSI]).isEqualTo(MMIO + 8);
  }

  @Test
  void repeatedPortOutputCountsDownBetweenExits() {
    guest.load(DATA, new byte[] {1, 2, 3});
    Asm asm = code();
    asm.movi(RSI, DATA).movi(RCX, 3).movi(RDX, 0x3f8).hex("f3 6e").hlt();
    start(asm);
    for (int i = 1; i <= 3; i++) {
      VcpuExit.PortWrite write = (VcpuExit.PortWrite) cpu.run(Long.MAX_VALUE);
      assertThat(write.value()).isEqualTo(i);
      assertThat(state().gpr[RCX]).isEqualTo(3 - i);
      assertThat(state().rip).isEqualTo(BareGuest.CODE + (i < 3 ? 30 : 32));
    }
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
  }

  @Test
  void unknownMsrsAreTheMachines() {
    Asm asm = code();
    asm.movi(RCX, 0x1b).hex("0f 32").hex("0f 30").hlt();
    start(asm);
    VcpuExit.MsrRead read = (VcpuExit.MsrRead) cpu.run(Long.MAX_VALUE);
    assertThat(read.index()).isEqualTo(0x1b);
    read.complete(0x1_0000_0002L);
    VcpuExit.MsrWrite write = (VcpuExit.MsrWrite) cpu.run(Long.MAX_VALUE);
    assertThat(write.value()).isEqualTo(0x1_0000_0002L);
    assertThat(state().rip).isEqualTo(BareGuest.CODE + 14);
    // Not accepted: #GP(0) with RIP on WRMSR.
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().rip).isEqualTo(BareGuest.handler(13) + 1);
    assertThat(guest.memory().read64(state().gpr[RSP] + 8)).isEqualTo(BareGuest.CODE + 12);
  }

  @Test
  void interruptWindowAndShadowOfSti() {
    Asm asm = code();
    asm.hex("fb").nop().nop().hlt();
    start(asm);
    assertThat(cpu.interruptible()).isFalse();
    assertThatThrownBy(() -> cpu.injectInterrupt(0x30)).isInstanceOf(IllegalStateException.class);
    cpu.requestInterruptWindow(true);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
    // STI's shadow covers one instruction.
    assertThat(state().rip).isEqualTo(BareGuest.CODE + 2);
    cpu.requestInterruptWindow(false);
    cpu.injectInterrupt(0x30);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().rip).isEqualTo(BareGuest.handler(0x30) + 1);
    assertThat(cpu.branchCount()).isEqualTo(1);
    assertThat(guest.memory().read64(state().gpr[RSP])).isEqualTo(BareGuest.CODE + 2);
  }

  @Test
  void stiWithInterruptsOnCastsNoShadow() {
    start(code().hex("fb").nop().hex("fb").hlt());
    for (int shadowed : new int[] {1, 0, 0}) {
      assertThat(cpu.step()).isEqualTo(VcpuExit.Stepped.STEPPED);
      assertThat(cpu.interruptible()).as("at %s", cpu.point()).isEqualTo(shadowed == 0);
    }
  }

  @Test
  void interruptWakesHalt() {
    Asm asm = code();
    asm.hex("fb").hlt().inc(RAX).hlt();
    guest.load(BareGuest.handler(0x31), new Asm(0).hex("48 cf").bytes()); // IRETQ
    start(asm);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().halted).isTrue();
    cpu.requestInterruptWindow(true);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
    cpu.requestInterruptWindow(false);
    cpu.injectInterrupt(0x31);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().gpr[RAX]).isEqualTo(1);
    assertThat(cpu.branchCount()).isEqualTo(2);
  }

  @Test
  void secondNmiWaitsForIret() {
    Asm asm = code();
    asm.nop().hlt();
    start(asm);
    cpu.injectNmi();
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().rip).isEqualTo(BareGuest.handler(2) + 1);
    assertThat(state().nmiBlocked).isTrue();
    cpu.injectNmi();
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().nmiPending).isTrue();
    assertThat(cpu.branchCount()).isEqualTo(1);
  }

  @Test
  void pageFaultLeavesTheInstructionUndone() {
    Asm asm = code();
    asm.movi(RSP, DATA + 0x1000).movi(RAX, 0x1234_5000).movi(RBX, 9).hex("48 01 18").hlt();
    start(asm);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().rip).isEqualTo(BareGuest.handler(14) + 1);
    assertThat(state().cr2).isEqualTo(0x1234_5000);
    long frame = state().gpr[RSP];
    assertThat(guest.memory().read64(frame)).as("error code: write, not present").isEqualTo(2);
    assertThat(guest.memory().read64(frame + 8)).isEqualTo(BareGuest.CODE + 30);
    assertThat(cpu.branchCount()).isEqualTo(1);
  }

  @Test
  void tripleFaultShutsDown() {
    CpuState broken = guest.kernel64(BareGuest.CODE);
    guest.load(BareGuest.CODE, code().hex("0f 0b").bytes());
    broken.idtLimit = 0;
    cpu.setState(broken);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Shutdown.SHUTDOWN);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Shutdown.SHUTDOWN);
    assertThat(state().shutdown).isTrue();
  }

  @Test
  void stepExecutesOneIteration() {
    Asm asm = code();
    asm.movi(RDI, DATA).movi(RCX, 3).hex("f3 aa").hlt();
    start(asm);
    assertThat(cpu.step()).isEqualTo(VcpuExit.Stepped.STEPPED);
    assertThat(cpu.step()).isEqualTo(VcpuExit.Stepped.STEPPED);
    for (int left = 2; left >= 0; left--) {
      assertThat(cpu.step()).isEqualTo(VcpuExit.Stepped.STEPPED);
      assertThat(state().gpr[RCX]).isEqualTo(left);
      assertThat(state().rip).isEqualTo(BareGuest.CODE + (left > 0 ? 20 : 22));
    }
    assertThat(cpu.step()).isEqualTo(VcpuExit.Halt.HALT);
  }

  @Test
  void runToStopsInsideARepeatedString() {
    Asm asm = code();
    asm.movi(RDI, DATA).movi(RCX, 5000).hex("f3 aa").hlt();
    start(asm);
    ExecutionPoint inside = new ExecutionPoint(0, BareGuest.CODE + 20, 1234);
    assertThat(cpu.runTo(inside)).isEqualTo(VcpuExit.PointReached.POINT_REACHED);
    assertThat(state().gpr[RDI]).isEqualTo(DATA + 5000 - 1234);
    assertThat(cpu.point()).isEqualTo(inside);
    assertThat(cpu.runTo(inside)).isEqualTo(VcpuExit.PointReached.POINT_REACHED);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().gpr[RCX]).isZero();
  }

  @Test
  void runToSaysThatItsPointWasMissed() {
    Asm asm = code();
    asm.movi(RCX, 5).label("loop").dec(RCX).jcc(NE, "loop").hlt();
    start(asm);
    assertThat(cpu.runTo(new ExecutionPoint(2, asm.address("loop"), 77)))
        .isEqualTo(VcpuExit.PointMissed.POINT_MISSED);
    assertThat(cpu.branchCount()).isEqualTo(3);
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

  @Test
  void stateOfAnotherVcpuContinuesIdentically() {
    Asm asm = code();
    asm.movi(RCX, 1000).label("loop").alu(ADD, RAX, RCX).shift(0, RAX, 7).dec(RCX);
    asm.jcc(NE, "loop").hlt();
    start(asm);
    assertThat(cpu.run(500)).isEqualTo(VcpuExit.Deadline.DEADLINE);
    CpuState half = new CpuState();
    cpu.getState(half);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    long expected = state().digest();
    cpu.setState(half);
    cpu.setBranchCount(500);
    assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().digest()).isEqualTo(expected);
    assertThat(cpu.branchCount()).isEqualTo(1000);
  }
}
