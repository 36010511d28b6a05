package dev.lockstep.counting.model;

import dev.lockstep.counting.CounterDevice;
import dev.lockstep.counting.Transition;
import java.util.random.RandomGenerator;

/** The modelled counters: what they read, and at which count the overflow half comes to its end. */
final class ModelledDevice implements CounterDevice {
  /** No overflow will come. */
  static final long NEVER = Long.MAX_VALUE;

  private final PmuFaults faults;
  private final RandomGenerator random;
  private long branches;
  private long excess;
  private long hidden;
  private boolean enabled;

  /** Events until the overflow, while not enabled; 0 before the first arming. */
  private long left;

  private long period;

  /** Events at which it overflows, while enabled. */
  private long overflowEvents;

  ModelledDevice(PmuFaults faults, RandomGenerator random) {
    this.faults = faults;
    this.random = random;
  }

  /** The guest retired branches. */
  void retired(long more) {
    branches += more;
  }

  /** The guest went through a transition. */
  void passed(Transition kind) {
    Excess each = faults.excess().get(kind);
    if (each != null) {
      long events = each.draw(random);
      excess += events;
      hidden += kind.isVisible() ? 0 : events;
    }
  }

  @Override
  public long read() {
    return events() - (faults.companion() ? hidden : 0);
  }

  /** Both halves count the same events; the companion belongs to the measuring half. */
  private long events() {
    return Math.min(branches + excess, faults.stopsAfter());
  }

  /** Branches until the overflow, if no more transition comes: 0 if it is due, or {@link #NEVER}. */
  long untilOverflow() {
    if (!enabled || overflowEvents > faults.stopsAfter()) {
      return NEVER;
    }
    return Math.max(0, overflowEvents - events());
  }

  /** The overflow has come: the kernel disables the event, and loads the period anew. */
  void overflowed() {
    enabled = false;
    left = period;
  }

  @Override
  public void arm(long events) {
    disarm();
    period = Math.max(events, faults.minimumPeriod());
    if (!faults.periodIgnored() || left == 0) {
      left = period;
    }
    enable();
  }

  @Override
  public void reopen(long events) {
    period = Math.max(events, faults.minimumPeriod());
    left = period;
    enable();
  }

  private void enable() {
    enabled = true;
    overflowEvents = events() + left;
  }

  @Override
  public void disarm() {
    if (enabled) {
      enabled = false;
      left = Math.max(1, overflowEvents - events());
    }
  }

  @Override
  public void close() {}
}
