package dev.lockstep.softcpu;

/** An operation with one memory operand. */
abstract class MemOp extends Op {
  final Ea ea;

  MemOp(Ea ea) {
    this.ea = ea;
  }

  @Override
  boolean usesStackSegment(Cpu c) {
    return ea.usesStackSegment();
  }
}
