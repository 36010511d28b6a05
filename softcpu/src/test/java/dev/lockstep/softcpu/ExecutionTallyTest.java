package dev.lockstep.softcpu;

import static dev.lockstep.engine.testkit.Asm.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Asm;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.softcpu.ExecutionProfile.BlockCount;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Programs whose every block is known: a profile's counts are exactly theirs. Random programs are profiled in {@link RegionTest}. */
final class ExecutionTallyTest {
  private static final long DATA = 0x10_0000;
  private static final int ABSENT = 0x18_0000;

  private static ExecutionProfile profile(Asm asm) {
    try (BareGuest guest = new BareGuest()) {
      guest.load(BareGuest.CODE, asm.bytes());
      guest.map(ABSENT, 0, 0);
      ExecutionTally tally = new ExecutionTally();
      SoftVcpu cpu =
          SoftVcpu.create(
              CpuModel.LOCKSTEP_V1,
              guest.memory(),
              count -> 0,
              BranchSemantics.ALL_TRANSFERS,
              Translation.OFF,
              tally);
      cpu.setState(guest.kernel64(BareGuest.CODE));
      VcpuExit exit = cpu.run(Long.MAX_VALUE);
      while (exit instanceof VcpuExit.PortWrite) {
        exit = cpu.run(Long.MAX_VALUE);
      }
      assertThat(exit).isEqualTo(VcpuExit.Halt.HALT);
      ExecutionProfile profile = tally.profile();
      assertThat(profile.instructions()).isEqualTo(cpu.instructionsExecuted());
      assertThat(profile.hottest(Integer.MAX_VALUE) + profile.alone())
          .isEqualTo(profile.instructions());
      cpu.close();
      return profile;
    }
  }

  @Test
  void aLoopIsABlockThatRunsOftenAndOneThatLeadsIntoIt() {
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RCX, 1000);
    long loop = asm.here();
    asm.label("loop").inc(RAX).nop().dec(RCX).jcc(NE, "loop");
    long end = asm.here();
    asm.hlt();
    ExecutionProfile profile = profile(asm);
    assertThat(profile.blocks())
        .containsExactly(
            new BlockCount(loop, loop, 4, 1, 999, 4 * 999),
            new BlockCount(BareGuest.CODE, BareGuest.CODE, 5, 1, 1, 5),
            new BlockCount(end, end, 1, 1, 1, 1));
    assertThat(profile.alone()).isZero();
    assertThat(profile.hottest(1)).isEqualTo(4 * 999);
    assertThat(profile.colderThan(10)).hasSize(2);
    assertThat(profile.counts().blocks()).isEqualTo(3);
    assertThat(profile.decodedInstructions()).isEqualTo(5 + 4 + 1);
    assertThat(profile.exceptions()).hasSize(32).containsOnly(0L);
  }

  @Test
  void aBlockThatFaultsCountsWhatCameBefore() {
    Asm asm = new Asm(BareGuest.CODE);
    // REP STOSQ of five is five instructions, and ends its block.
    asm.movi(RBX, ABSENT).movi(RDI, DATA).movi(RCX, 5).hex("f3 48 ab");
    asm.inc(RDX).nop().load(RAX, RBX, 0).inc(RDX).hlt();
    ExecutionProfile profile = profile(asm);
    assertThat(profile.instructions()).isEqualTo(3 + 5 + 2 + 1);
    assertThat(profile.blocks())
        .extracting(BlockCount::runs, BlockCount::executed)
        .containsExactly(tuple(1L, 8L), tuple(0L, 2L), tuple(1L, 1L));
    assertThat(profile.exceptions().get(GuestFault.PF)).isOne();
    assertThat(profile.exceptions().stream().mapToLong(it -> it).sum()).isOne();
  }

  @Test
  void whatExitsIsExecutedAlone() {
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RAX, 1).out(0x80).nop().out(0x80).hlt();
    ExecutionProfile profile = profile(asm);
    assertThat(profile.instructions()).isEqualTo(5);
    assertThat(profile.alone()).isEqualTo(2);
    assertThat(profile.hottest(Integer.MAX_VALUE)).as("MOV, NOP, HLT").isEqualTo(3);
  }

  @Test
  void everyNewPageIsAWalk() {
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RBX, DATA).movi(RCX, 20);
    asm.label("loop").load(RAX, RBX, 0).load(RAX, RBX, 8).alui(ADD, RBX, 0x1000);
    asm.dec(RCX).jcc(NE, "loop").hlt();
    ExecutionProfile profile = profile(asm);
    assertThat(profile.dataWalks()).isEqualTo(20);
    assertThat(profile.fetchWalks()).isOne();
    assertThat(profile.flushes()).isZero();
  }

  @Test
  void codeThatChangesIsDecodedAgain() {
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RDX, 3).movi(RAX, 0x90).jmp("loop");
    long loop = asm.here();
    // The NOP behind it becomes a NOP.
    asm.label("loop").movi(RBX, loop + 20).store8(RBX, 0, RAX).nop().nop().nop().nop().nop();
    asm.nop().nop().nop().dec(RDX).jcc(NE, "loop").hlt();
    ExecutionProfile profile = profile(asm);
    assertThat(profile.invalidatedBlocks()).isGreaterThanOrEqualTo(3);
    assertThat(profile.blocks())
        .filteredOn(block -> block.rip() == loop)
        .singleElement()
        .satisfies(block -> assertThat(block.decoded()).isGreaterThanOrEqualTo(2));
  }

  @Test
  void aTallyBelongsToTheVcpuMadeLastAndIsEmptyWithoutOne() {
    ExecutionTally tally = new ExecutionTally();
    assertThatThrownBy(tally::profile).isInstanceOf(IllegalStateException.class);
    Asm asm = new Asm(BareGuest.CODE).nop().hlt();
    for (int i = 0; i < 2; i++) {
      try (BareGuest guest = new BareGuest();
          SoftVcpu cpu =
              SoftVcpu.create(
                  CpuModel.LOCKSTEP_V1,
                  guest.memory(),
                  count -> 0,
                  BranchSemantics.CONDITIONAL,
                  Translation.OFF,
                  tally)) {
        assertThat(tally.profile().blocks()).isEqualTo(List.of());
        guest.load(BareGuest.CODE, asm.bytes());
        cpu.setState(guest.kernel64(BareGuest.CODE));
        cpu.run(Long.MAX_VALUE);
        assertThat(tally.profile().instructions()).isEqualTo(2);
      }
    }
  }
}
