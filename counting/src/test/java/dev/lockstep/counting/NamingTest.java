package dev.lockstep.counting;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.counting.model.ModelledPmu;
import dev.lockstep.counting.model.PmuFaults;
import dev.lockstep.counting.model.SkidShape;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VcpuExit;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** A recorder that is kicked at random moments names boundaries ahead, injects there, and each name leads another execution to the same moment. */
final class NamingTest {
  private static final CounterLimits LIMITS = new CounterLimits(200, 1, false);

  private static PmuFaults pmu(long seed) {
    return PmuFaults.none(seed).withSkid(150, SkidShape.UNIFORM, 40);
  }

  @Test
  void whatIsNamedIsFoundAgain() {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    System.out.printf("naming: lockstep.seed=%d%n", seed);
    SplittableRandom random = new SplittableRandom(seed);
    int named = 0;
    for (int i = 0; i < 40; i++) {
      SeekGuest guest = SeekGuest.random(random.split(), 3);
      Recording recording = record(guest, random);
      named += recording.moments().size();
      Replayer.Tally tally = new Replayer.Tally();
      Replayer.run(
          guest,
          recording,
          BranchSemantics.CONDITIONAL,
          pmu(random.nextLong()),
          LIMITS,
          ExcessTable.NONE,
          false,
          tally);
      assertThat(tally.complaints).as(guest.source).isEmpty();
      assertThat(tally.exact).isEqualTo(recording.moments().size());
    }
    assertThat(named).isGreaterThan(200);
  }

  /** A run with a counter that has skid, kicked about every 300 branches. */
  private static Recording record(SeekGuest guest, SplittableRandom random) {
    List<Recording.Moment> moments = new ArrayList<>();
    Answers answers = new Answers();
    CpuState state = new CpuState();
    int ambiguous = 0;
    try (SeekGuest.Machine machine = guest.boot(BranchSemantics.CONDITIONAL);
        ModelledPmu pmu =
            new ModelledPmu(
                machine.vcpu, machine::read, pmu(random.nextLong()), LIMITS, ExcessTable.NONE)) {
      while (true) {
        Stop stop =
            pmu.midInstruction()
                ? pmu.step()
                : pmu.runFree(pmu.branchCount() + random.nextInt(600) + 1);
        if (stop instanceof Stop.Exit(VcpuExit exit)) {
          if (exit == VcpuExit.Halt.HALT) {
            break;
          }
          answers.answer(exit);
          continue;
        }
        Naming naming = new Naming(pmu, machine.vcpu::interruptible, 2_000);
        NamingResult result = naming.advance();
        while (result instanceof NamingResult.Exited(VcpuExit exit) && exit != VcpuExit.Halt.HALT) {
          answers.answer(exit);
          result = naming.advance();
        }
        switch (result) {
          case NamingResult.Named(ExecutionPoint point) -> {
            machine.vcpu.getState(state);
            int vector = SeekGuest.VECTORS[random.nextInt(2)];
            moments.add(
                new Recording.Moment(
                    point, machine.vcpu.instructionsExecuted(), state.digest(), vector));
            pmu.injectInterrupt(vector);
          }
          case NamingResult.Ambiguous it -> ambiguous++;
          case NamingResult.Exited halt -> {
            machine.vcpu.getState(state);
            return new Recording(
                moments,
                ambiguous,
                new Recording.Places(),
                0,
                state.digest(),
                machine.memoryHash(),
                answers.hash());
          }
        }
      }
      machine.vcpu.getState(state);
      return new Recording(
          moments,
          ambiguous,
          new Recording.Places(),
          0,
          state.digest(),
          machine.memoryHash(),
          answers.hash());
    }
  }

  /** A loop that only memory tells apart, with and without a counted branch. */
  @Test
  void aLoopWithoutCountedBranchHasNoNames() {
    NamingResult endless = name("sti\nL:\ninc qword [counter]\njmp L\n", 20, true);
    assertThat(endless).isInstanceOf(NamingResult.Ambiguous.class);
    assertThat(((NamingResult.Ambiguous) endless).reason())
        .isEqualTo("1,000 steps without a branch that is counted");
    // Ends up in the same loop behind one conditional branch: the first round has names.
    NamingResult first =
        name("sti\nnop\nmov ecx, 1\nloop L\nL:\ninc qword [counter]\njmp L\n", 0, true);
    assertThat(first).isInstanceOf(NamingResult.Named.class);
    NamingResult closed =
        name("nop\nmov ecx, 1\nloop L\nL:\ninc qword [counter]\njmp L\n", 0, false);
    assertThat(closed).isInstanceOf(NamingResult.Ambiguous.class);
    assertThat(((NamingResult.Ambiguous) closed).reason())
        .matches("1,000 steps: 99. boundaries repeated the name of an earlier one, 2 would not do");
  }

  private static NamingResult name(String source, int steps, boolean open) {
    try (SeekGuest.Machine machine = SeekGuest.of(source).boot(BranchSemantics.CONDITIONAL);
        ModelledPmu pmu =
            new ModelledPmu(machine.vcpu, machine::read, pmu(1), LIMITS, ExcessTable.NONE)) {
      for (int i = 0; i < steps; i++) {
        pmu.step();
      }
      return new Naming(pmu, () -> open && machine.vcpu.interruptible(), 1_000).advance();
    }
  }
}
