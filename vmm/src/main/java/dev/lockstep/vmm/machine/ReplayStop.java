package dev.lockstep.vmm.machine;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.LogEntry;
import org.jspecify.annotations.Nullable;

/**
 * Leads a replay to a {@link ReplayTarget} and no further. The log decides what happens to the guest; this only decides
 * where it is looked at, so that a replay with a target is the same replay. The vCPU's thread.
 */
final class ReplayStop {
  private final MachineCore core;
  private final ReplayTarget target;
  private long steps;

  ReplayStop(MachineCore core, ReplayTarget target) {
    this.core = core;
    this.target = target;
  }

  /**
   * Whether the machine stands at the target.
   *
   * @param next the entry that comes next in the log, or null
   * @param due whether this boundary is its moment
   * @throws VmmException if the target was passed and will not come again
   */
  boolean reached(@Nullable LogEntry next, boolean due) {
    return switch (target) {
      case ReplayTarget.Count it -> count() >= it.count();
      case ReplayTarget.Steps it -> count() >= it.count() && steps >= it.steps();
      case ReplayTarget.Address it -> standsAt(it);
      case ReplayTarget.Entry it -> due && core.nextSequence() >= it.sequence();
      case ReplayTarget.Time it ->
          core.virtualNanos() >= it.nanos() || idlesUntil(it.nanos(), next);
    };
  }

  private boolean standsAt(ReplayTarget.Address it) {
    if (count() > it.count()) {
      throw new VmmException(
          "the guest does not come to %#x with branch count %d".formatted(it.rip(), it.count()),
          "Name a point that it comes to, as 'lockstep log dump' prints them, or a count alone.");
    }
    return count() == it.count() && core.vcpu().point().rip() == it.rip();
  }

  /** A halted guest that neither a timer nor the log wakes before that: time goes on to it. */
  private boolean idlesUntil(long nanos, @Nullable LogEntry next) {
    boolean stays =
        core.runner().halted()
            && core.runner().endReason() == null
            && !core.board().interruptPending()
            && core.board().nextDeadlineNanos() > nanos;
    if (!stays || (next != null && isBefore(next, nanos))) {
      return false;
    }
    core.clock().jump(count(), nanos);
    return true;
  }

  private boolean isBefore(LogEntry next, long nanos) {
    return next.at().halted()
        ? next.at().haltedNanos() <= nanos
        : next.at().point().equals(core.vcpu().point());
  }

  /**
   * Goes on towards the target, if that comes before the next entry.
   *
   * @return false if the way to the next entry is the way to go
   */
  boolean advance(LogEntry next) {
    if (core.runner().halted() || core.runner().endReason() != null) {
      return false;
    }
    return switch (target) {
      case ReplayTarget.Count it -> runTo(it.count(), next);
      case ReplayTarget.Steps it -> runTo(it.count(), next) || step();
      case ReplayTarget.Address it -> runTo(it.count(), next) || count() == it.count() && step();
      case ReplayTarget.Entry it -> false;
      case ReplayTarget.Time it -> runTo(core.clock().countAt(it.nanos()), next);
    };
  }

  private boolean runTo(long limit, LogEntry next) {
    if (limit <= count() || limit > next.at().count()) {
      return false;
    }
    core.runner().run(limit);
    return true;
  }

  private boolean step() {
    boolean behindStart =
        target instanceof ReplayTarget.Steps it && count() >= it.count()
            || target instanceof ReplayTarget.Address;
    if (!behindStart) {
      return false;
    }
    if (core.runner().step()) {
      steps++;
    }
    return true;
  }

  private long count() {
    return core.vcpu().branchCount();
  }
}
