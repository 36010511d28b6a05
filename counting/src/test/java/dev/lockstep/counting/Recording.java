package dev.lockstep.counting;

import dev.lockstep.counting.model.ModelledPmu;
import dev.lockstep.counting.model.PmuFaults;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VcpuExit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * The truth about one execution: every boundary looked at, some chosen at random, interrupts injected at some of these. Taken by stepping the exact engine; no counter has a part in it.
 *
 * @param moments in order
 * @param ambiguous boundaries that were chosen but are not the first of their name, so that nobody may name them
 * @param where what the moments are in the middle of
 * @param boundaries in all
 * @param end digest of the state at the end
 * @param memory hash of memory at the end
 * @param devices {@link Answers#hash} at the end
 */
record Recording(
    List<Moment> moments,
    int ambiguous,
    Places where,
    long boundaries,
    long end,
    long memory,
    long devices) {
  /** How many moments lie where. */
  static final class Places {
    int inRepeats;
    int inRing3;
    int closed;
    int revisited;
    int injected;

    void add(Places more) {
      inRepeats += more.inRepeats;
      inRing3 += more.inRing3;
      closed += more.closed;
      revisited += more.revisited;
      injected += more.injected;
    }
  }

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
    Places where = new Places();
    Set<ExecutionPoint> pending = new HashSet<>();
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
          // A name that comes again behind its moment: the first match must be taken.
          where.revisited += !first && pending.remove(point) ? 1 : 0;
          if (random.nextInt(oneIn) == 0) {
            ambiguous += first ? 0 : 1;
            if (first) {
              machine.vcpu.getState(state);
              pending.add(point);
              place(machine, state, where);
              boolean inject = machine.vcpu.interruptible() && random.nextInt(3) == 0;
              int vector = inject ? SeekGuest.VECTORS[random.nextInt(2)] : -1;
              moments.add(
                  new Moment(point, machine.vcpu.instructionsExecuted(), state.digest(), vector));
              if (inject) {
                where.injected++;
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
          moments,
          ambiguous,
          where,
          boundaries,
          state.digest(),
          machine.memoryHash(),
          answers.hash());
    }
  }

  private static void place(SeekGuest.Machine machine, CpuState state, Places where) {
    byte[] code = new byte[2];
    boolean repeat =
        machine.read(state.rip, code) == 2 && (code[0] == (byte) 0xf2 || code[0] == (byte) 0xf3);
    where.inRepeats += repeat ? 1 : 0;
    where.inRing3 += state.segments[CpuState.CS].selector == 0x33 ? 1 : 0;
    where.closed += machine.vcpu.interruptible() ? 0 : 1;
  }
}
