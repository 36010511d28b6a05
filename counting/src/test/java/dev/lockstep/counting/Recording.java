package dev.lockstep.counting;

import dev.lockstep.counting.model.ModelledPmu;
import dev.lockstep.counting.model.PmuFaults;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VcpuExit;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The truth about one execution: every boundary looked at, some chosen at random, interrupts injected at some of these. Taken by stepping the exact engine; no counter has a part in it.
 *
 * @param moments in order
 * @param ambiguous boundaries that were chosen but are not the first of their name, so that nobody may name them
 * @param boundaries in all
 * @param end digest of the state at the end
 * @param memory hash of memory at the end
 * @param devices {@link Answers#hash} at the end
 */
record Recording(
    List<Moment> moments, int ambiguous, long boundaries, long end, long memory, long devices) {
  /**
   * A chosen boundary.
   *
   * @param instructions executed before it
   * @param digest of the whole state there
   * @param vector injected there, or -1
   */
  record Moment(ExecutionPoint point, long instructions, long digest, int vector) {}

  /** Records a run, choosing one boundary in {@code oneIn}. */
  static Recording of(
      SeekGuest guest, BranchSemantics semantics, SplittableRandom random, int oneIn) {
    List<Moment> moments = new ArrayList<>();
    int ambiguous = 0;
    long boundaries = 0;
    Names names = new Names();
    Answers answers = new Answers();
    CpuState state = new CpuState();
    try (SeekGuest.Machine machine = guest.boot(semantics);
        ModelledPmu exact =
            new ModelledPmu(
                machine.vcpu,
                machine::read,
                PmuFaults.none(0),
                CounterLimits.EXACT,
                ExcessTable.NONE)) {
      while (true) {
        if (!exact.midInstruction()) {
          boundaries++;
          ExecutionPoint point = machine.vcpu.point();
          boolean first = names.isFirst(point);
          if (random.nextInt(oneIn) == 0) {
            ambiguous += first ? 0 : 1;
            if (first) {
              machine.vcpu.getState(state);
              boolean inject = machine.vcpu.interruptible() && random.nextInt(3) == 0;
              int vector = inject ? SeekGuest.VECTORS[random.nextInt(2)] : -1;
              moments.add(
                  new Moment(point, machine.vcpu.instructionsExecuted(), state.digest(), vector));
              if (inject) {
                exact.injectInterrupt(vector);
              }
            }
          }
        }
        Stop stop = exact.step();
        if (stop instanceof Stop.Exit exit) {
          if (exit.exit() == VcpuExit.Halt.HALT) {
            break;
          }
          answers.answer(exit.exit());
        }
      }
      machine.vcpu.getState(state);
      return new Recording(
          moments, ambiguous, boundaries, state.digest(), machine.memoryHash(), answers.hash());
    }
  }
}
