package dev.lockstep.vmm.trace;

import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/** When a trace is on: which of the instructions that go by lie between its bounds. */
final class TraceWindow {
  private final @Nullable TraceBound from;
  private final @Nullable TraceBound to;
  private final LongUnaryOperator nanosAt;
  private boolean begun;
  private boolean ended;
  private boolean beginsNow;
  private boolean endsNow;

  /** @param nanosAt virtual time at a branch count */
  TraceWindow(@Nullable TraceBound from, @Nullable TraceBound to, LongUnaryOperator nanosAt) {
    this.from = from;
    this.to = to;
    this.nanosAt = nanosAt;
    this.begun = from == null;
  }

  boolean ended() {
    return ended;
  }

  /** Nothing more is wanted. */
  void end() {
    ended = true;
  }

  /** Whether what happens between two instructions is wanted. */
  boolean on() {
    return begun && !ended;
  }

  /** Whether instructions that come next may be wanted. */
  boolean mayBeOn(long branchCount) {
    return !ended
        && (begun
            || beginsNow
            || from instanceof TraceBound.Instruction
            || from instanceof TraceBound.Point it && branchCount >= it.branchCount());
  }

  /** A log entry has taken effect. */
  void entry(long number) {
    beginsNow |= from instanceof TraceBound.Entry it && number >= it.number();
    endsNow |= to instanceof TraceBound.Entry it && number >= it.number();
    step(beginsNow, endsNow);
  }

  /** The vCPU stands at a count. */
  void stands(long branchCount) {
    if (!begun && from instanceof TraceBound.Time it) {
      beginsNow |= nanosAt.applyAsLong(branchCount) >= it.nanos();
    }
    if (!ended && to instanceof TraceBound.Time it) {
      endsNow |= nanosAt.applyAsLong(branchCount) >= it.nanos();
    }
    step(beginsNow, endsNow);
  }

  private void step(boolean begins, boolean ends) {
    begun |= begins;
    ended |= ends;
  }

  /**
   * Where in a group the trace begins: the first instruction that is wanted, or {@code steps} if none is.
   *
   * @param code with {@code count} instructions executed, the last one {@code steps - count} times more
   * @param instruction number of the first one
   * @param branchCount before the first one
   */
  int first(TraceCode code, int count, int steps, long instruction, long branchCount) {
    if (begun) {
      return 0;
    }
    int first = position(from, code, count, steps, instruction, branchCount);
    begun = first < steps;
    return first;
  }

  /** Where it ends: the first instruction from {@code first} on that is not wanted any more, or {@code steps}. */
  int end(TraceCode code, int count, int steps, long instruction, long branchCount, int first) {
    if (ended) {
      return first;
    }
    int end = Math.max(first, position(to, code, count, steps, instruction, branchCount));
    ended = end < steps;
    return end;
  }

  private static int position(
      @Nullable TraceBound bound,
      TraceCode code,
      int count,
      int steps,
      long instruction,
      long branchCount) {
    return switch (bound) {
      case TraceBound.Instruction it -> Math.clamp(it.number() - instruction, 0, steps);
      case TraceBound.Point it -> {
        if (branchCount != it.branchCount()) {
          yield branchCount > it.branchCount() ? 0 : steps;
        }
        Long rip = it.rip();
        for (int i = 0; i < count; i++) {
          if (rip == null || code.address(i) == rip) {
            yield i;
          }
        }
        yield steps;
      }
      case null, default -> steps;
    };
  }
}
