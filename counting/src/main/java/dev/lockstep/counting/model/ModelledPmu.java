package dev.lockstep.counting.model;

import dev.lockstep.counting.CountedVcpu;
import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.HardwareCounter;
import dev.lockstep.counting.SeekableVcpu;
import dev.lockstep.counting.Stop;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.Vcpu;

/**
 * A {@link ModelledEngine} with its counter: what {@link dev.lockstep.counting.Seek} runs on in tests. Injections must come by {@link #injectInterrupt}; everything else of the inner vCPU may be used directly while this one is
 * stopped.
 */
public final class ModelledPmu implements SeekableVcpu, AutoCloseable {
  private final ModelledEngine engine;
  private final HardwareCounter counter;
  private final CountedVcpu counted;

  /**
   * @param inner an exact engine, with its state loaded
   * @param code how to read the guest's code; used only where transitions inside the guest have an excess
   * @param faults what the device does wrong
   * @param limits what the engine believes of its overflows
   * @param excess what the engine subtracts
   */
  public ModelledPmu(
      Vcpu inner,
      ModelledEngine.Code code,
      PmuFaults faults,
      CounterLimits limits,
      ExcessTable excess) {
    this.engine = new ModelledEngine(inner, code, faults);
    this.counter = engine.counter(limits, excess);
    this.counted = new CountedVcpu(engine, counter);
    counted.restored(inner.branchCount());
  }

  /** Sets the count, and with it the inner vCPU's true one: the state was replaced by that of a checkpoint. */
  public void restored(long count) {
    engine.forget();
    engine.setBranchCount(count);
    counted.restored(count);
  }

  /** Queues an interrupt, as {@link Vcpu#injectInterrupt}. */
  public void injectInterrupt(int vector) {
    engine.injectInterrupt(vector);
  }

  /** The point at which the guest really stands, by the inner vCPU: for tests, which compare. */
  public ExecutionPoint truth() {
    return engine.point();
  }

  @Override
  public BranchSemantics branchSemantics() {
    return counted.branchSemantics();
  }

  @Override
  public CounterLimits limits() {
    return counted.limits();
  }

  @Override
  public long branchCount() {
    return counted.branchCount();
  }

  @Override
  public long rip() {
    return counted.rip();
  }

  @Override
  public long rcx() {
    return counted.rcx();
  }

  @Override
  public long registerDigest() {
    return counted.registerDigest();
  }

  @Override
  public boolean midInstruction() {
    return counted.midInstruction();
  }

  @Override
  public Stop runFree(long overflowAt) {
    return counted.runFree(overflowAt);
  }

  @Override
  public Stop step() {
    return counted.step();
  }

  @Override
  public boolean setBreakpoint(long rip) {
    return counted.setBreakpoint(rip);
  }

  @Override
  public void clearBreakpoint() {
    counted.clearBreakpoint();
  }

  @Override
  public void close() {
    counter.close();
  }
}
