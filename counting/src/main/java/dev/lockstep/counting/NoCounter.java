package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;

/** No counter: such an engine has no execution points, only numbered exits. The count stays what it was set to. */
public final class NoCounter implements BranchCounter {
  private final BranchSemantics semantics;
  private long count;

  /**
   * @param semantics what the log's header names although nothing is counted
   */
  public NoCounter(BranchSemantics semantics) {
    this.semantics = semantics;
  }

  @Override
  public BranchSemantics semantics() {
    return semantics;
  }

  @Override
  public CounterLimits limits() {
    return CounterLimits.EXACT;
  }

  @Override
  public long count() {
    return count;
  }

  @Override
  public void set(long newCount) {
    count = newCount;
  }

  /**
   * @throws IllegalStateException unless nothing is asked for: no overflow will ever come
   */
  @Override
  public void arm(long atCount) {
    if (atCount != Long.MAX_VALUE) {
      throw new IllegalStateException(
          "an overflow at %d was asked of an engine without a counter".formatted(atCount));
    }
  }

  @Override
  public void disarm() {}

  @Override
  public void passed(Transition kind) {}

  @Override
  public void close() {}
}
