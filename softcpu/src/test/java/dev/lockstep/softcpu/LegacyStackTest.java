package dev.lockstep.softcpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Stacks of 16 bits and expand-down segments in protected mode, which no host's 64-bit kernel lets a process have intact (Intel SDM vol. 1 6.2.3, vol. 3A 5.3). */
final class LegacyStackTest {
  private static final long STACK_BASE = 0x10_0000;
  private static final int RSP = 4;
  private static final int RBP = 5;
  private static final int DATA16 = 0x93;
  private static final int EXPAND_DOWN16 = 0x97;
  private static final int BIG = 1 << 14;

  private final BareGuest guest = new BareGuest();
  private final SoftVcpu cpu =
      SoftVcpu.create(
          CpuModel.LOCKSTEP_V1, guest.memory(), count -> 0, BranchSemantics.ALL_TRANSFERS);
  private final CpuState s = guest.protected32(BareGuest.CODE);

  @BeforeEach
  void smallStack() {
    s.segments[CpuState.SS].set(0x18, STACK_BASE, 0xffff, DATA16);
    s.gpr[RSP] = 0xabcd_1000L;
  }

  @AfterEach
  void close() {
    cpu.close();
    guest.close();
  }

  private void step(String hex) {
    guest.load(BareGuest.CODE, HexFormat.of().parseHex(hex.replace(" ", "")));
    cpu.setState(s);
    assertThat(cpu.step()).isEqualTo(VcpuExit.Stepped.STEPPED);
    cpu.getState(s);
  }

  /** Without an IDT a fault becomes a triple fault. */
  private void stepFaults(String hex) {
    guest.load(BareGuest.CODE, HexFormat.of().parseHex(hex.replace(" ", "")));
    s.idtLimit = 0;
    cpu.setState(s);
    assertThat(cpu.step()).isEqualTo(VcpuExit.Shutdown.SHUTDOWN);
  }

  @Test
  void pushMovesTheLowHalfOnly() {
    s.gpr[0] = 0x1234_5678;
    step("50");
    assertThat(s.gpr[RSP]).isEqualTo(0xabcd_0ffcL);
    assertThat(guest.memory().read32(STACK_BASE + 0xffc)).isEqualTo(0x1234_5678);
  }

  @Test
  void pushWrapsAtTheBottom() {
    s.gpr[RSP] = 0xabcd_0002L;
    s.gpr[0] = 0x5678;
    step("66 50");
    assertThat(s.gpr[RSP]).isEqualTo(0xabcd_0000L);
    s.rip = BareGuest.CODE;
    step("66 50");
    assertThat(s.gpr[RSP]).isEqualTo(0xabcd_fffeL);
    assertThat(guest.memory().read16(STACK_BASE + 0xfffe)).isEqualTo(0x5678);
  }

  @Test
  void pushAcrossTheLimitFaults() {
    s.gpr[RSP] = 2;
    stepFaults("50");
  }

  @Test
  void callAndReturn() {
    step("e8 00 01 00 00");
    assertThat(s.rip).isEqualTo(BareGuest.CODE + 0x105);
    assertThat(s.gpr[RSP]).isEqualTo(0xabcd_0ffcL);
    guest.load(BareGuest.CODE + 0x105, new byte[] {(byte) 0xc2, 8, 0});
    cpu.setState(s);
    assertThat(cpu.step()).isEqualTo(VcpuExit.Stepped.STEPPED);
    cpu.getState(s);
    assertThat(s.rip).isEqualTo(BareGuest.CODE + 5);
    assertThat(s.gpr[RSP]).isEqualTo(0xabcd_1008L);
  }

  @Test
  void enterAndLeave() {
    s.gpr[RBP] = 0x7777_2222;
    step("c8 10 00 00");
    assertThat(s.gpr[RSP]).isEqualTo(0xabcd_0fecL);
    assertThat(s.gpr[RBP]).as("the frame pointer is cut to the stack's width").isEqualTo(0xffc);
    assertThat(guest.memory().read32(STACK_BASE + 0xffc)).isEqualTo(0x7777_2222);
    s.rip = BareGuest.CODE;
    s.gpr[RBP] |= 0x5555_0000;
    step("c9");
    assertThat(s.gpr[RSP]).isEqualTo(0xabcd_1000L);
    assertThat(s.gpr[RBP]).isEqualTo(0x7777_2222);
  }

  @Test
  void pushAllAndPopAll() {
    for (int i = 0; i < 8; i++) {
      s.gpr[i] = i == RSP ? s.gpr[i] : 0x1000 + i;
    }
    step("60");
    assertThat(s.gpr[RSP]).isEqualTo(0xabcd_0fe0L);
    assertThat(guest.memory().read32(STACK_BASE + 0xfec)).isEqualTo(0xabcd_1000);
    s.rip = BareGuest.CODE;
    step("61");
    assertThat(s.gpr[RSP]).isEqualTo(0xabcd_1000L);
    assertThat(s.gpr[7]).isEqualTo(0x1007);
  }

  @Test
  void expandDownSegmentBeginsAboveItsLimit() {
    s.segments[CpuState.DS].set(0x18, STACK_BASE, 0xfff, EXPAND_DOWN16);
    guest.memory().write32(STACK_BASE + 0x1000, 42);
    step("a1 00 10 00 00");
    assertThat(s.gpr[0]).isEqualTo(42);
    s.rip = BareGuest.CODE;
    stepFaults("a1 ff 0f 00 00");
  }

  @Test
  void expandDownSegmentEndsAt64KUnlessBig() {
    s.segments[CpuState.DS].set(0x18, STACK_BASE, 0xfff, EXPAND_DOWN16 | BIG);
    guest.memory().write32(STACK_BASE + 0x1_0000, 43);
    step("a1 00 00 01 00");
    assertThat(s.gpr[0]).isEqualTo(43);
    s.rip = BareGuest.CODE;
    s.segments[CpuState.DS].set(0x18, STACK_BASE, 0xfff, EXPAND_DOWN16);
    stepFaults("a1 00 00 01 00");
  }

  @Test
  void readOnlyDataAndCodeCannotBeWritten() {
    s.segments[CpuState.DS].set(0x18, 0, 0xffff_ffffL, 0xc091);
    stepFaults("a3 00 00 10 00");
  }
}
