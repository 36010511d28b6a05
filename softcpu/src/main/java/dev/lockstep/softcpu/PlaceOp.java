package dev.lockstep.softcpu;

/** An operation on one operand of any size, register or memory. */
abstract class PlaceOp extends Op {
  final Place place;

  PlaceOp(Place place) {
    this.place = place;
  }

  @Override
  final boolean usesStackSegment(Cpu c) {
    return place.usesStackSegment();
  }
}
