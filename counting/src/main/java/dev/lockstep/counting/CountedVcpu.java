package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.RegisterDigest;
import dev.lockstep.engine.VcpuExit;
import org.jspecify.annotations.Nullable;

/**
 * An engine and the counter that counts it, as {@link Seek} and {@link Naming} need them. The count is the counter's and what the engine executed elsewhere. Injection, state and answers are the engine's; after its state was
 * replaced, {@link #restored}.
 */
public final class CountedVcpu implements SeekableVcpu {
  private final CountableVcpu engine;
  private final BranchCounter counter;
  private final CpuState state = new CpuState();

  /** What the engine had executed elsewhere when the count was last set. */
  private long elsewhere;

  /** Where the guest stands, as far as somebody has asked since it moved. */
  private @Nullable ExecutionPoint here;

  /**
   * @param engine with its state loaded; becomes the calling thread's, and tells this counter of its transitions from now on
   * @param counter of what the engine's semantics say; not closed here
   */
  public CountedVcpu(CountableVcpu engine, BranchCounter counter) {
    if (counter.semantics() != engine.branchSemantics()) {
      throw new IllegalArgumentException(
          "an engine that counts %s and a counter of %s"
              .formatted(engine.branchSemantics(), counter.semantics()));
    }
    this.engine = engine;
    this.counter = counter;
    this.elsewhere = engine.branchesElsewhere();
    engine.own();
    engine.setTransitionObserver(counter::passed);
  }

  /** The count at this boundary is so much from now on: the state was replaced, or a log begins. */
  public void restored(long count) {
    counter.set(count);
    elsewhere = engine.branchesElsewhere();
    moved();
  }

  /** The guest was moved, or its registers changed, by other means than this face. */
  public void moved() {
    here = null;
  }

  @Override
  public BranchSemantics branchSemantics() {
    return counter.semantics();
  }

  @Override
  public CounterLimits limits() {
    return counter.limits();
  }

  @Override
  public long branchCount() {
    return counter.count() + engine.branchesElsewhere() - elsewhere;
  }

  private ExecutionPoint here() {
    ExecutionPoint known = here;
    if (known == null) {
      known = engine.point();
      here = known;
    }
    return known;
  }

  @Override
  public long rip() {
    return here().rip();
  }

  @Override
  public long rcx() {
    return here().rcx();
  }

  @Override
  public long registerDigest() {
    long known = here().digest();
    if (known != 0) {
      return known;
    }
    engine.getState(state);
    return RegisterDigest.of(state.gpr, state.rflags);
  }

  @Override
  public boolean midInstruction() {
    return engine.midInstruction();
  }

  @Override
  public Stop runFree(long overflowAt) {
    here = null;
    boolean armed = overflowAt != Long.MAX_VALUE;
    if (armed) {
      counter.arm(overflowAt - (engine.branchesElsewhere() - elsewhere));
    }
    Stop stop = engine.runFree();
    if (armed) {
      counter.disarm();
    }
    return stop;
  }

  @Override
  public Stop step() {
    here = null;
    VcpuExit exit = engine.step();
    return exit == VcpuExit.Stepped.STEPPED ? Stop.Paused.STEPPED : new Stop.Exit(exit);
  }

  @Override
  public boolean setBreakpoint(long rip) {
    return engine.setBreakpoint(rip);
  }

  @Override
  public void clearBreakpoint() {
    engine.clearBreakpoint();
  }
}
