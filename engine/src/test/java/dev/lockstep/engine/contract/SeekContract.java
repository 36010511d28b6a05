package dev.lockstep.engine.contract;

import static dev.lockstep.engine.contract.Rig.DATA;
import static dev.lockstep.engine.contract.Rig.RAX;
import static dev.lockstep.engine.contract.Rig.RBX;
import static dev.lockstep.engine.contract.Rig.RCX;
import static dev.lockstep.engine.contract.Rig.RDI;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code runTo}: comes to the point exactly, tells when it can't, and lets everything else through. */
abstract class SeekContract extends ContractSubject {
  private static final VcpuExit REACHED = VcpuExit.PointReached.POINT_REACHED;
  private static final VcpuExit MISSED = VcpuExit.PointMissed.POINT_MISSED;
  private static final String LOOP =
      "mov ecx, 5000\na: add eax, 1\nb: add ebx, 2\nloop a\nhlt\nend:";

  private Rig counting(BranchSemantics semantics) {
    needCount(semantics);
    need(Capability.SEEK);
    return rig(semantics);
  }

  /** The point that a target names, found by running there on another machine by deadline and steps. */
  private ExecutionPoint pointAt(
      BranchSemantics semantics, String source, long count, String label) {
    need(Capability.STEP);
    Rig scout = rig(semantics);
    scout.code(source);
    assertThat(scout.vcpu.run(count)).isEqualTo(VcpuExit.Deadline.DEADLINE);
    for (int i = 0; scout.rip() != scout.at(label); i++) {
      assertThat(i).isLessThan(10);
      scout.step(VcpuExit.Stepped.STEPPED);
    }
    return scout.vcpu.point();
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void comesToThePointExactly(BranchSemantics semantics) {
    Rig rig = counting(semantics);
    rig.code(LOOP);
    for (long count : new long[] {0, 1, 2, 63, 64, 1000, 4999}) {
      ExecutionPoint target = pointAt(semantics, LOOP, count, "b");
      assertThat(rig.vcpu.runTo(target)).isEqualTo(REACHED);
      assertThat(rig.vcpu.point()).isEqualTo(target);
      assertThat(rig.rip()).isEqualTo(rig.at("b"));
      assertThat(rig.reg(RAX)).isEqualTo(count + 1);
      assertThat(rig.reg(RBX)).isEqualTo(2 * count);
      assertThat(rig.vcpu.branchCount()).isEqualTo(count);
      assertThat(rig.vcpu.runTo(target)).as("there already").isEqualTo(REACHED);
      assertThat(rig.reg(RBX)).as("does not move").isEqualTo(2 * count);
    }
    rig.runToHaltBefore("end");
    assertThat(rig.reg(RBX)).isEqualTo(10_000);
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void stopsInsideARepeatedInstruction(BranchSemantics semantics) {
    need(Capability.SEEK_IN_REPEAT, Capability.STEP, Capability.STEP_ITERATIONS);
    String source = "mov rdi, data\nmov ecx, 5000\nhere: rep stosb\nhlt\nend:";
    for (int left : new int[] {5000, 4999, 1234, 1}) {
      Rig scout = counting(semantics);
      scout.code(source);
      while (scout.reg(RCX) != left) {
        scout.step(VcpuExit.Stepped.STEPPED);
      }
      if (left == 5000) {
        assertThat(scout.rip()).isEqualTo(scout.at("here"));
      }
      ExecutionPoint target = scout.vcpu.point();
      Rig rig = rig(semantics);
      rig.code(source);
      assertThat(rig.vcpu.runTo(target)).isEqualTo(REACHED);
      assertThat(rig.vcpu.point()).isEqualTo(target);
      assertThat(rig.rip()).isEqualTo(rig.at("here"));
      assertThat(rig.reg(RDI)).isEqualTo(DATA + 5000 - left);
      assertThat(rig.vcpu.runTo(target)).isEqualTo(REACHED);
      rig.runToHaltBefore("end");
      assertThat(rig.reg(RCX)).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void saysThatThePointWasMissed(BranchSemantics semantics) {
    Rig rig = counting(semantics);
    rig.code(LOOP);
    ExecutionPoint near = pointAt(semantics, LOOP, 2, "a");
    ExecutionPoint wrong = new ExecutionPoint(2, near.rip(), 77, near.digest());
    assertThat(rig.vcpu.runTo(wrong)).isEqualTo(MISSED);
    assertThat(rig.vcpu.branchCount()).as("at the next branch").isEqualTo(3);
    assertThat(rig.vcpu.runTo(near)).as("behind us").isEqualTo(MISSED);
    assertThat(rig.vcpu.branchCount()).as("does not move").isEqualTo(3);
    rig.runToHaltBefore("end");
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void otherExitsComeThrough(BranchSemantics semantics) {
    Rig rig = counting(semantics);
    String source = "mov ecx, 9\na: in al, 0x60\nout 0x80, al\nb: add ebx, 1\nloop a\nhlt\nend:";
    rig.code(source);
    Rig scout = rig(semantics);
    scout.code(source);
    for (int i = 0; i < 4; i++) {
      scout.run(VcpuExit.PortRead.class).complete(i);
      scout.run(VcpuExit.PortWrite.class);
    }
    ExecutionPoint target = scout.vcpu.point();
    for (int i = 0; i < 4; i++) {
      ((VcpuExit.PortRead) rig.vcpu.runTo(target)).complete(i);
      VcpuExit.PortWrite write = (VcpuExit.PortWrite) rig.vcpu.runTo(target);
      assertThat(write.value()).isEqualTo(i);
    }
    assertThat(rig.vcpu.runTo(target)).as("right after the write").isEqualTo(REACHED);
    assertThat(rig.rip()).isEqualTo(rig.at("b"));
    assertThat(rig.reg(RBX)).isEqualTo(3);
  }

  @Test
  void haltBeforeThePointIsAnExit() {
    Rig rig = counting(BranchSemantics.ALL_TRANSFERS);
    rig.code("hlt\nend:");
    ExecutionPoint never = new ExecutionPoint(10, rig.at("end") + 1, 0);
    assertThat(rig.vcpu.runTo(never)).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(rig.vcpu.runTo(never)).isEqualTo(VcpuExit.Halt.HALT);
    rig.code("ud2", s -> s.idtLimit = 0);
    assertThat(rig.vcpu.runTo(never)).isEqualTo(VcpuExit.Shutdown.SHUTDOWN);
  }

  @Test
  void kickOnTheWayIsAnExit() {
    Rig rig = counting(BranchSemantics.ALL_TRANSFERS);
    rig.code(LOOP);
    rig.vcpu.kick();
    ExecutionPoint target = new ExecutionPoint(100, rig.at("a"), 4900);
    assertThat(rig.vcpu.runTo(target)).isEqualTo(VcpuExit.Kicked.KICKED);
    assertThat(rig.vcpu.runTo(target)).isEqualTo(REACHED);
  }

  /** An event recorded at a point is injected there again: the delivery must not be passed on the way. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 17, 99})
  void eventInjectedAtAPointRepeats(int count) {
    Rig rig = counting(BranchSemantics.ALL_TRANSFERS);
    String source =
        "mov ecx, 100\na: add eax, 1\nloop a\ncli\nhlt\nend:\nhandler: mov ebx, eax\niretq";
    rig.code(source, Rig::interruptsOn);
    rig.handle(0x30, "handler");
    if (count == 0) {
      rig.vcpu.runTo(new ExecutionPoint(0, rig.at("a"), 100));
    } else {
      rig.vcpu.run(count);
    }
    ExecutionPoint recorded = rig.vcpu.point();
    rig.vcpu.injectInterrupt(0x30);
    rig.runToHaltBefore("end");
    ExecutionPoint end = rig.vcpu.point();
    long hash = rig.memoryHash();
    Rig again = rig(BranchSemantics.ALL_TRANSFERS);
    again.code(source, Rig::interruptsOn);
    again.handle(0x30, "handler");
    assertThat(again.vcpu.runTo(recorded)).isEqualTo(REACHED);
    again.vcpu.injectInterrupt(0x30);
    assertThat(again.vcpu.runTo(end)).isIn(REACHED, VcpuExit.Halt.HALT);
    assertThat(again.vcpu.point()).isEqualTo(end);
    assertThat(again.reg(RBX)).isEqualTo(count);
    assertThat(again.memoryHash()).isEqualTo(hash);
  }

  @Test
  void pointIsReachedBeforeAQueuedDelivery() {
    Rig rig = counting(BranchSemantics.ALL_TRANSFERS);
    rig.code("here: nop\nhlt", Rig::interruptsOn);
    rig.vcpu.injectInterrupt(0x30);
    assertThat(rig.vcpu.runTo(rig.vcpu.point())).as("there already").isEqualTo(REACHED);
    assertThat(rig.rip()).isEqualTo(rig.at("here"));
    ExecutionPoint handler = new ExecutionPoint(1, BareGuest.handler(0x30), 0);
    assertThat(rig.vcpu.runTo(handler)).isEqualTo(REACHED);
    assertThat(rig.rip()).isEqualTo(BareGuest.handler(0x30));
  }
}
