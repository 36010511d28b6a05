package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.DEVICE;
import static dev.lockstep.engine.contract.Rig.RAX;
import static dev.lockstep.engine.contract.Rig.RBX;
import static dev.lockstep.engine.contract.Rig.RCX;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.VmmException;
import dev.lockstep.engine.contract.Computation.Outcome;
import dev.lockstep.engine.testkit.BareGuest;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The whole state goes out and in: nothing is lost, nothing is made up, and looking changes nothing. */
abstract class StateContract extends ContractSubject {
  @Test
  void everyFieldComesBackAsItWasSet() {
    Random random = random();
    Rig rig = rig();
    rig.code("hlt\nend:");
    for (int i = 0; i < 50; i++) {
      CpuState set = new CpuState();
      rig.vcpu.getState(set);
      randomize(set, random);
      rig.vcpu.setState(set);
      CpuState got = new CpuState();
      rig.vcpu.getState(got);
      same(got, set);
    }
  }

  private static void randomize(CpuState s, Random random) {
    for (int i = 0; i < 16; i++) {
      s.gpr[i] = random.nextLong();
    }
    s.rip = random.nextLong() >> 17;
    // All flags that may be set at will: CF PF AF ZF SF IF DF OF, IOPL, NT, AC, ID.
    s.rflags = random.nextLong() & 0x247ed5L & ~0x100L | 2;
    s.cr2 = random.nextLong();
    s.cr8 = random.nextInt(16);
    s.star = random.nextLong();
    s.lstar = random.nextLong() >> 17;
    s.cstar = random.nextLong() >> 17;
    s.sfmask = random.nextLong() & 0xffff_ffffL;
    s.kernelGsBase = random.nextLong() >> 17;
    s.sysenterCs = random.nextInt(1 << 16);
    s.sysenterEsp = random.nextLong() >> 17;
    s.sysenterEip = random.nextLong() >> 17;
    s.segments[CpuState.FS].base = random.nextLong() >> 17;
    s.segments[CpuState.GS].base = random.nextLong() >> 17;
    s.gdtBase = random.nextLong() >> 17;
    s.gdtLimit = random.nextInt(1 << 16);
    s.idtBase = random.nextLong() >> 17;
    s.idtLimit = random.nextInt(1 << 16);
    for (int i = 0; i < 4; i++) {
      s.debugAddress[i] = random.nextLong() >> 17;
    }
    s.dr6 = 0xffff_0ff0L | random.nextInt(16) | random.nextInt(2) << 14;
    // XMM0..15 at 160 and the 10 bytes of each ST at 32, in FXSAVE's image (SDM vol. 1 table 10-2).
    for (int at = 160; at < 160 + 256; at++) {
      s.fxsave[at] = (byte) random.nextInt();
    }
    s.nmiBlocked = random.nextBoolean();
    s.halted = random.nextBoolean();
  }

  private static void same(CpuState got, CpuState set) {
    assertThat(got)
        .usingRecursiveComparison()
        .ignoringFields("engineState")
        .as("state that was set")
        .isEqualTo(set);
    assertThat(got.digest()).isEqualTo(set.digest());
  }

  @Test
  void floatingPointStateIsUsed() {
    Rig rig = rig();
    // FLD1, FLDZ, and a constant in XMM3; then FSAVE's pops show them in order.
    rig.code(
        "fld1\nfldz\nmov eax, 0x1234\ndb 0x66, 0x0f, 0x6e, 0xd8\nhlt\nend: fxsave [data]\nhlt");
    rig.runToHaltBefore("end");
    CpuState carried = new CpuState();
    rig.vcpu.getState(carried);
    carried.halted = false;
    Rig other = rig();
    other.code(
        "fld1\nfldz\nmov eax, 0x1234\ndb 0x66, 0x0f, 0x6e, 0xd8\nhlt\nend: fxsave [data]\nhlt");
    other.vcpu.setState(carried);
    other.runToHalt();
    long image = Rig.DATA;
    assertThat(other.mem(image) & 0xffff).as("control word").isEqualTo(0x37f);
    assertThat(other.mem(image) >> 16 & 0x3800).as("top of stack is 6").isEqualTo(6 << 11);
    assertThat(other.mem(image + 32)).as("0.0").isZero();
    assertThat(other.mem(image + 48)).as("1.0").isEqualTo(1L << 63);
    assertThat(other.mem(image + 160 + 48)).as("XMM3").isEqualTo(0x1234);
  }

  @Test
  void lookingChangesNothing() {
    need(Capability.SPEED);
    Random random = random();
    byte[] program = RandomProgram.make(random);
    try (Computation plain = new Computation(engine(), BranchSemantics.ALL_TRANSFERS, program);
        Computation watched = new Computation(engine(), BranchSemantics.ALL_TRANSFERS, program)) {
      Outcome expected = plain.finish();
      VcpuExit exit;
      do {
        if (random.nextBoolean()) {
          watched.vcpu.kick();
        }
        exit = watched.vcpu.run(Long.MAX_VALUE);
        // At a read that waits as well.
        watched.outcome();
        watched.vcpu.interruptible();
      } while (watched.serve(exit));
      assertThat(watched.outcome()).isEqualTo(expected);
    }
  }

  @Test
  void queuedEventsAreCarried() {
    Rig rig = rig();
    rig.code("nop\nhlt", Rig::interruptsOn);
    rig.vcpu.injectInterrupt(0x30);
    rig.change(s -> assertThat(s.pendingInterrupt).isEqualTo(0x30));
    rig.runToHandler(0x30);
    assertThat(rig.state().pendingInterrupt).isEqualTo(-1);
    rig.code("nop\nhlt");
    rig.vcpu.injectException(13, 0x28);
    rig.change(s -> {
      assertThat(s.pendingException).isEqualTo(13);
      assertThat(s.pendingErrorCode).isEqualTo(0x28);
    });
    rig.runToHandler(13);
    assertThat(rig.frame(true).errorCode()).isEqualTo(0x28);
    assertThat(rig.state().pendingException).isEqualTo(-1);
  }

  @Test
  void newStateDropsQueuedEvents() {
    Rig rig = rig();
    rig.code("nop\nhlt\nend:", Rig::interruptsOn);
    CpuState clean = new CpuState();
    rig.vcpu.getState(clean);
    rig.vcpu.injectInterrupt(0x30);
    rig.vcpu.injectNmi();
    rig.vcpu.setState(clean);
    rig.runToHaltBefore("end");
    rig.vcpu.setState(clean);
    rig.vcpu.injectException(13, 0);
    rig.vcpu.setState(clean);
    rig.runToHaltBefore("end");
  }

  @Test
  void newStateDropsAnswersThatAreWaitedFor() {
    Rig rig = rig();
    rig.code("in al, 0x60\nmov ebx, [device]\nhlt\nend: mov ecx, 1\nhlt");
    rig.run(VcpuExit.PortRead.class).complete(0x42);
    rig.change(s -> s.rip = rig.at("end"));
    rig.runToHalt();
    assertThat(rig.reg(RAX)).as("the IN was left undone").isZero();
    assertThat(rig.reg(RCX)).isEqualTo(1);
    rig.code("in al, 0x60\nhlt\nend:");
    rig.run(VcpuExit.PortRead.class).complete(0x42);
    rig.change(s -> {});
    // The same state: IN begins again, and asks again.
    rig.run(VcpuExit.PortRead.class).complete(0x43);
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RAX)).isEqualTo(0x43);
  }

  /** Whatever the engine does to be rid of the instruction, memory keeps what was in it. */
  @Test
  void aDroppedAnswerIsWrittenNowhere() {
    for (String waiting :
        new String[] {"insd", "rep insb", "movsd", "rep movsb", "push qword [device]"}) {
      Rig rig = rig();
      rig.code(
          "here: " + waiting + "\nhlt\nend: hlt\nlast:",
          s -> {
            s.gpr[RCX] = 5000;
            s.gpr[Rig.RDX] = 0x1f0;
            s.gpr[Rig.RSI] = DEVICE;
            s.gpr[Rig.RDI] = Rig.DATA;
          });
      rig.guest.memory().write64(Rig.DATA, 0x1122_3344_5566_7788L);
      rig.guest.memory().write64(BareGuest.KERNEL_STACK - 8, 0x99aaL);
      VcpuExit exit = rig.run();
      assertThat(exit)
          .as(waiting)
          .isInstanceOfAny(VcpuExit.PortRead.class, VcpuExit.MmioRead.class);
      assertThat(rig.rip()).as(waiting).isEqualTo(rig.at("here"));
      rig.change(s -> s.rip = rig.at("end"));
      rig.runToHaltBefore("last");
      assertThat(rig.mem(Rig.DATA)).as(waiting).isEqualTo(0x1122_3344_5566_7788L);
      assertThat(rig.mem(BareGuest.KERNEL_STACK - 8)).as(waiting).isEqualTo(0x99aaL);
      assertThat(rig.reg(RCX)).as(waiting).isEqualTo(5000);
    }
  }

  @Test
  void aReadThatWaitsIsAskedAgainByAnotherVcpu() {
    Rig rig = rig();
    String source = "add ecx, 1\nadd ebx, [device+8]\nhlt\nend:";
    rig.code(source);
    rig.run(VcpuExit.MmioRead.class);
    CpuState carried = new CpuState();
    rig.vcpu.getState(carried);
    Rig other = rig();
    other.code(source);
    other.vcpu.setState(carried);
    VcpuExit.MmioRead read = other.run(VcpuExit.MmioRead.class);
    assertThat(read.address()).isEqualTo(DEVICE + 8);
    read.complete(7);
    other.runToHaltBefore("end");
    assertThat(other.reg(RBX)).isEqualTo(7);
    assertThat(other.reg(RCX)).isEqualTo(1);
  }

  @Test
  void shadowsAreCarried() {
    need(Capability.STEP, Capability.EXACT_WINDOW);
    for (String shadowing : new String[] {"sti", "mov ss, edx"}) {
      Rig rig = rig();
      rig.code(
          shadowing + "\nshadowed: add eax, 1\nwanted: add eax, 1\nhlt",
          s -> {
            s.gpr[Rig.RDX] = BareGuest.KERNEL_DATA;
            s.rflags |= shadowing.equals("sti") ? 0 : Rig.IF;
          });
      rig.step(VcpuExit.Stepped.STEPPED);
      assertThat(rig.state().interruptShadow)
          .as(shadowing)
          .isEqualTo(shadowing.equals("sti") ? 1 : 2);
      rig.change(s -> {});
      assertThat(rig.vcpu.interruptible()).as(shadowing).isFalse();
      rig.vcpu.requestInterruptWindow(true);
      assertThat(rig.run()).isEqualTo(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
      assertThat(rig.rip()).as(shadowing).isEqualTo(rig.at("wanted"));
    }
  }

  @Test
  void userModeIsCarried() {
    Rig rig = rig();
    rig.userCode("add eax, 1\nout 0x80, al\nadd eax, 1\nhlt", s -> s.rflags |= 3 << 12);
    rig.run(VcpuExit.PortWrite.class);
    rig.change(s -> assertThat(s.segments[CpuState.CS].selector).isEqualTo(BareGuest.USER_CODE64));
    rig.runToHandler(13);
    assertThat(rig.frame(true).cs()).isEqualTo(BareGuest.USER_CODE64);
    assertThat(rig.reg(RAX)).isEqualTo(2);
  }

  @Test
  void changedMemoryAndPageTablesAreSeen() {
    Rig rig = rig();
    rig.code("mov eax, [rbx]\nhlt", s -> s.gpr[RBX] = 0x80_0000);
    rig.guest.map(0x80_0000, 0x20_0000, 3);
    rig.guest.memory().write32(0x20_0000, 1);
    rig.guest.memory().write32(0x20_1000, 2);
    CpuState start = new CpuState();
    rig.vcpu.getState(start);
    rig.runToHalt();
    assertThat(rig.reg(RAX)).isEqualTo(1);
    // Without what the engine keeps of old translations.
    rig.guest.map(0x80_0000, 0x20_1000, 3);
    start.engineState = new byte[0];
    rig.vcpu.setState(start);
    rig.runToHalt();
    assertThat(rig.reg(RAX)).isEqualTo(2);
    rig.guest.memory().write8(BareGuest.CODE + 1, 0x0b);
    rig.vcpu.setState(start);
    rig.runToHalt();
    assertThat(rig.reg(RCX)).as("the code is now MOV ECX, [RBX]").isEqualTo(2);
  }

  @Test
  void stateThatCannotBeContinuedIsRefusedByName() {
    Rig rig = rig();
    CpuState bad = rig.guest.kernel64(BareGuest.CODE);
    // A reserved bit of MXCSR.
    bad.fxsave[27] = (byte) 0x80;
    assertThatThrownBy(() -> rig.vcpu.setState(bad))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("fxsave");
  }

  @Test
  void modelAndSemanticsAreWhatWasAskedFor() {
    Rig rig = rig();
    assertThat(rig.vcpu.model().name()).isEqualTo("lockstep-v1");
    need(Capability.FROZEN_CPUID);
    rig.code("mov eax, 1\ncpuid\nhlt\nend:");
    rig.runToHaltBefore("end");
    assertThat((int) rig.reg(Rig.RDX)).isEqualTo(rig.vcpu.model().cpuid(1, 0).edx());
    assertThat((int) rig.reg(RCX)).isEqualTo(rig.vcpu.model().cpuid(1, 0).ecx());
    assertThat((int) rig.reg(RAX)).isEqualTo(rig.vcpu.model().cpuid(1, 0).eax());
  }

  @Test
  void closingTwiceDoesNothing() {
    Rig rig = rig();
    rig.code("hlt\nend:");
    rig.runToHaltBefore("end");
    rig.vcpu.close();
    rig.vcpu.close();
  }
}
