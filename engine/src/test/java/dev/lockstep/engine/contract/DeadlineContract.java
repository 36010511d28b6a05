package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.RAX;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Branch counts, the deadlines that go by them, and the order in which a boundary looks at things. */
abstract class DeadlineContract extends ContractSubject {
  private static final VcpuExit DEADLINE = VcpuExit.Deadline.DEADLINE;

  private Rig counting(BranchSemantics semantics) {
    needCount(semantics);
    return rig(semantics);
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void comesAtTheFirstBoundaryWithTheCount(BranchSemantics semantics) {
    Rig rig = counting(semantics);
    rig.code("mov ecx, 1000\na: add eax, 1\nadd edx, 1\nloop a\nlast: hlt\nend:");
    for (int count : new int[] {1, 7, 8, 50, 511, 999, 1000}) {
      assertThat(rig.vcpu.run(count)).isEqualTo(DEADLINE);
      assertThat(rig.vcpu.branchCount()).isEqualTo(count);
      assertThat(rig.reg(RAX)).isEqualTo(count);
      assertThat(rig.rip()).isEqualTo(rig.at(count < 1000 ? "a" : "last"));
      assertThat(rig.vcpu.run(count)).as("there already: does not move").isEqualTo(DEADLINE);
      assertThat(rig.vcpu.run(0)).as("long past: does not move").isEqualTo(DEADLINE);
      assertThat(rig.reg(RAX)).isEqualTo(count);
    }
    assertThat(rig.vcpu.run(1001)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(rig.vcpu.run(1000)).as("halted, at the deadline").isEqualTo(DEADLINE);
    assertThat(rig.vcpu.run(1001)).isEqualTo(VcpuExit.Halt.HALT);
  }

  @Test
  void allTransfersAreCountedOnce() {
    Rig rig = counting(BranchSemantics.ALL_TRANSFERS);
    rig.code("mov ecx, 5\na: loop a\ncall sub\njmp b\nsub: ret\nb: int 0x40\nhlt");
    rig.runToHandler(0x40);
    // 5 LOOP, CALL, RET, JMP, INT.
    assertThat(rig.vcpu.branchCount()).isEqualTo(9);
  }

  @Test
  void onlyConditionalBranchesAreCounted() {
    Rig rig = counting(BranchSemantics.CONDITIONAL);
    rig.code("mov ecx, 5\na: loop a\ncall sub\njmp b\nsub: ret\nb: int 0x40\nhlt");
    rig.runToHandler(0x40);
    assertThat(rig.vcpu.branchCount()).isEqualTo(5);
    assertThat(rig.vcpu.point().digest()).isNotZero();
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void deliveriesCountAsTheSemanticsSay(BranchSemantics semantics) {
    Rig rig = counting(semantics);
    int each = semantics == BranchSemantics.ALL_TRANSFERS ? 1 : 0;
    rig.code("nop\nhlt", Rig::interruptsOn);
    rig.vcpu.injectInterrupt(0x30);
    rig.runToHandler(0x30);
    assertThat(rig.vcpu.branchCount()).isEqualTo(each);
    rig.vcpu.injectNmi();
    rig.runToHandler(2);
    assertThat(rig.vcpu.branchCount()).isEqualTo(2 * each);
    rig.vcpu.injectException(13, 0);
    rig.runToHandler(13);
    assertThat(rig.vcpu.branchCount()).isEqualTo(3 * each);
    rig.code("ud2");
    rig.runToHandler(6);
    assertThat(rig.vcpu.branchCount()).as("the state leaves the count alone").isEqualTo(4 * each);
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void countIsSet(BranchSemantics semantics) {
    Rig rig = counting(semantics);
    rig.code("mov ecx, 100\na: add eax, 1\nloop a\nhlt\nend:");
    rig.vcpu.setBranchCount(1L << 40);
    assertThat(rig.vcpu.run((1L << 40) + 30)).isEqualTo(DEADLINE);
    assertThat(rig.reg(RAX)).isEqualTo(30);
    rig.vcpu.setBranchCount(0);
    assertThat(rig.vcpu.run(20)).isEqualTo(DEADLINE);
    assertThat(rig.reg(RAX)).isEqualTo(50);
    rig.runToHaltBefore("end");
    assertThat(rig.vcpu.branchCount()).isEqualTo(70);
  }

  @Test
  void deliveryComesBeforeDeadlineBeforeKickBeforeWindow() {
    Rig rig = counting(BranchSemantics.ALL_TRANSFERS);
    rig.code("a: jmp a\nhandler: sti\nnop\nb: jmp b", Rig::interruptsOn);
    rig.handle(0x30, "handler");
    rig.vcpu.injectInterrupt(0x30);
    rig.vcpu.kick();
    rig.vcpu.requestInterruptWindow(true);
    assertThat(rig.vcpu.run(1)).isEqualTo(DEADLINE);
    assertThat(rig.rip()).as("delivered, nothing executed").isEqualTo(rig.at("handler"));
    assertThat(rig.vcpu.run(5)).isEqualTo(VcpuExit.Kicked.KICKED);
    assertThat(rig.rip()).isEqualTo(rig.at("handler"));
    assertThat(rig.vcpu.run(5)).isEqualTo(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
    assertThat(rig.vcpu.branchCount()).isEqualTo(1);
    rig.vcpu.requestInterruptWindow(false);
    assertThat(rig.vcpu.run(5)).isEqualTo(DEADLINE);
    assertThat(rig.rip()).isEqualTo(rig.at("b"));
  }

  @Test
  void readThatWaitsIsCompletedBeforeTheDeadlineIsLookedAt() {
    Rig rig = counting(BranchSemantics.ALL_TRANSFERS);
    rig.code("in al, 0x60\nafter: nop\nhlt");
    rig.run(VcpuExit.PortRead.class).complete(9);
    assertThat(rig.vcpu.run(0)).isEqualTo(DEADLINE);
    assertThat(rig.rip()).isEqualTo(rig.at("after"));
    assertThat(rig.reg(RAX)).isEqualTo(9);
  }

  @Test
  void pointNamesWhereItStands() {
    Rig rig = counting(BranchSemantics.ALL_TRANSFERS);
    rig.code("mov ecx, 100\na: loop a\nhlt");
    assertThat(rig.vcpu.point().rip()).isEqualTo(BareGuest.CODE);
    rig.vcpu.run(40);
    assertThat(rig.vcpu.point().branchCount()).isEqualTo(40);
    assertThat(rig.vcpu.point().rip()).isEqualTo(rig.at("a"));
    assertThat(rig.vcpu.point().rcx()).isEqualTo(60);
    assertThat(rig.vcpu.point().digest()).isZero();
  }
}
