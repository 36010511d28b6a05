package dev.lockstep.vmm.machine;

import dev.lockstep.engine.PointMark;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.vmm.log.Moment;

/** A moment that is remembered without an object for each: a live machine comes by many boundaries of which no entry tells. The vCPU's thread. */
final class MomentMark {
  private final PointMark point = new PointMark();
  private long haltedNanos = Moment.RUNNING;

  /**
   * Remembers where a vCPU stands.
   *
   * @param haltedNanos as {@link Moment#haltedNanos}
   */
  void set(Vcpu vcpu, long haltedNanos) {
    vcpu.markPoint(point);
    this.haltedNanos = haltedNanos;
  }

  /** Whether another remembers the same moment. */
  boolean isSame(MomentMark other) {
    return haltedNanos == other.haltedNanos && point.isSame(other.point);
  }

  /** The moment. */
  Moment toMoment() {
    return new Moment(point.toPoint(), haltedNanos);
  }
}
