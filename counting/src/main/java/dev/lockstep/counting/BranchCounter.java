package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;

/**
 * The guest's branch count, as an engine keeps it. The engine owns it, tells it of every transition, and asks it only while the guest is stopped. Owned by the vCPU's thread.
 *
 * <p>Three kinds: {@link HardwareCounter} runs at full speed and overflows with skid; {@link StepCounter} makes the engine step every instruction, and is exact; {@link NoCounter} counts nothing, for engines whose inputs
 * take effect at numbered exits alone.
 */
public sealed interface BranchCounter extends AutoCloseable
    permits HardwareCounter, StepCounter, NoCounter {
  /** What is counted. */
  BranchSemantics semantics();

  /** How overflows behave. */
  CounterLimits limits();

  /** The guest's branches, with every excess subtracted that can be. */
  long count();

  /** Sets the count, at a boundary. What is armed is disarmed. */
  void set(long count);

  /**
   * Asks for an overflow when the count comes to that value, which will be seen up to {@link CounterLimits#skidBound} later; a value nearer than the minimum period is armed at the minimum period.
   *
   * @param atCount absolute; {@link Long#MAX_VALUE} for none
   */
  void arm(long atCount);

  /** No overflow is wanted. */
  void disarm();

  /** The engine tells of a transition that it saw, after it has happened and before it asks for the count. */
  void passed(Transition kind);

  @Override
  void close();
}
