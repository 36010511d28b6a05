package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;

/** A count from a device: what it reads, less the constant excess of each transition that the engine told of. */
public final class HardwareCounter implements BranchCounter {
  private final CounterDevice device;
  private final BranchSemantics semantics;
  private final CounterLimits limits;
  private final ExcessTable excess;
  private long base;
  private long subtracted;

  /**
   * @param device closed with this counter
   * @param semantics what the device counts
   * @param limits how its overflows behave
   * @param excess what to subtract
   */
  public HardwareCounter(
      CounterDevice device, BranchSemantics semantics, CounterLimits limits, ExcessTable excess) {
    this.device = device;
    this.semantics = semantics;
    this.limits = limits;
    this.excess = excess;
    this.base = -device.read();
  }

  @Override
  public BranchSemantics semantics() {
    return semantics;
  }

  @Override
  public CounterLimits limits() {
    return limits;
  }

  @Override
  public long count() {
    return base + device.read() - subtracted;
  }

  @Override
  public void set(long count) {
    device.disarm();
    subtracted = 0;
    base = count - device.read();
  }

  @Override
  public void arm(long atCount) {
    if (atCount == Long.MAX_VALUE) {
      device.disarm();
      return;
    }
    // The entry to come adds its excess to the overflow half too: at worst the overflow is early by
    // as much.
    long events = Math.max(atCount - count(), limits.minimumPeriod());
    if (limits.reopensToArm()) {
      device.reopen(events);
    } else {
      device.arm(events);
    }
  }

  @Override
  public void disarm() {
    device.disarm();
  }

  @Override
  public void passed(Transition kind) {
    subtracted += excess.of(kind);
  }

  @Override
  public void close() {
    device.close();
  }
}
