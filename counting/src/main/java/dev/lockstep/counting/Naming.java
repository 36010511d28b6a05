package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;
import java.util.function.BooleanSupplier;

/**
 * Moves a guest that was stopped anywhere to the nearest boundary ahead that can be named, for a recorder that wants an input to take effect there.
 *
 * <p>Under {@link BranchSemantics#ALL_TRANSFERS} every boundary has a name of its own. Under {@link BranchSemantics#CONDITIONAL} a name may come again within a stretch of equal count (a loop without conditional branches
 * that changes memory only; the boundary to which a handler without branches returns), and what the stretch has been through before the guest was stopped nobody knows. So the guest is stepped over the next conditional
 * branch: what follows it is watched from its beginning, and the first boundary there is the first of its name for certain.
 */
public final class Naming {
  private final SeekableVcpu vcpu;
  private final BooleanSupplier acceptable;
  private final int maxSteps;
  private final Names names = new Names();
  private boolean known;
  private int steps;
  private int repeated;
  private int closed;

  /**
   * @param vcpu owned by the calling thread
   * @param acceptable whether the boundary at which it stands will do (say, interrupts are open)
   * @param maxSteps steps until it is given up; 10,000 take some 10 ms on hardware
   */
  public Naming(SeekableVcpu vcpu, BooleanSupplier acceptable, int maxSteps) {
    this.vcpu = vcpu;
    this.acceptable = acceptable;
    this.maxSteps = maxSteps;
    this.known = vcpu.branchSemantics() == BranchSemantics.ALL_TRANSFERS;
  }

  /** Goes on; called again after an exit. */
  public NamingResult advance() {
    while (true) {
      boolean mid = vcpu.midInstruction();
      if (!mid && known && names.isFirst(vcpu.point())) {
        if (acceptable.getAsBoolean()) {
          return new NamingResult.Named(vcpu.point());
        }
        closed++;
      } else if (!mid && known) {
        repeated++;
      }
      if (steps == maxSteps) {
        return ambiguous();
      }
      steps++;
      long before = vcpu.branchCount();
      // Nothing in the stretch so far can be named: a repeated string is passed whole.
      Stop stop = known || mid ? vcpu.step() : vcpu.stepRepeat(0);
      // An exit may come with the branch behind it (the first instruction of a handler).
      known |= vcpu.branchCount() > before;
      if (stop instanceof Stop.Exit exit) {
        return new NamingResult.Exited(exit.exit());
      }
    }
  }

  private NamingResult ambiguous() {
    String reason =
        known
            ? "%,d steps: %,d boundaries repeated the name of an earlier one, %,d would not do"
                .formatted(steps, repeated, closed)
            : "%,d steps without a branch that is counted".formatted(steps);
    return new NamingResult.Ambiguous(reason);
  }
}
