package dev.lockstep.softcpu;

import org.jspecify.annotations.Nullable;

/** The last operation of a block: sets {@code c.rip}, and knows the next block where that is safe without asking the fetch TLB. */
abstract class Terminator extends Op {
  /** Executes it. The next block, or null to look it up at {@code c.rip}; a dead one is looked up as well. */
  abstract @Nullable Block go(Cpu c);

  /** Tells the block that was found for {@code c.rip} after {@link #go} gave null; it lies in the same page and is linkable. */
  void link(Block next) {}

  /** Where control may go that is known without a look at registers or memory; null for one that is not translated. */
  long @Nullable [] nearTargets() {
    return null;
  }

  /** Where a call goes on when it returns; 0 for everything else. */
  long returnsTo() {
    return 0;
  }

  @Override
  final void exec(Cpu c) {
    go(c);
  }

  @Override
  final int placement() {
    return ENDS;
  }

  /** A block that ends because it is long enough or its page ends. */
  static final class FallThrough extends Terminator {
    private final long nextRip;
    private @Nullable Block next;

    FallThrough(long nextRip) {
      this.nextRip = nextRip;
    }

    @Override
    @Nullable Block go(Cpu c) {
      c.rip = nextRip;
      return next;
    }

    @Override
    void link(Block block) {
      next = block;
    }

    @Override
    long[] nearTargets() {
      return new long[] {nextRip};
    }
  }

  /** After a middle operation that is executed alone. */
  static final class Step extends Terminator {
    private final Op op;
    private final long nextRip;

    Step(Op op, long nextRip) {
      this.op = op;
      this.nextRip = nextRip;
    }

    @Override
    @Nullable Block go(Cpu c) {
      op.exec(c);
      c.rip = nextRip;
      return null;
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return op.usesStackSegment(c);
    }
  }

  /** An operation that sets {@code c.rip} itself and may change the mode. */
  static final class Far extends Terminator {
    private final Op op;

    Far(Op op) {
      this.op = op;
    }

    boolean isAlone() {
      return op.placement() == ALONE;
    }

    @Override
    @Nullable Block go(Cpu c) {
      op.exec(c);
      c.mode = CodeMode.of(c);
      return null;
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return op.usesStackSegment(c);
    }
  }
}
