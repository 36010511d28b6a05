package dev.lockstep.ft.core;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The operator's order that is being carried out, one at a time, and whether a backup is wanted at all. */
final class OrderDesk {
  private @Nullable OperatorOrder current;
  private long sinceNanos;
  private boolean wantsBackup = true;

  /** Takes an order that takes time. */
  void begin(OperatorOrder order, long now) {
    current = order;
    sinceNanos = now;
  }

  boolean is(OperatorOrder order) {
    return current == order;
  }

  /** What is being carried out. */
  @Nullable OperatorOrder current() {
    return current;
  }

  long ageNanos(long now) {
    return now - sinceNanos;
  }

  /** The order came to its end, if it is being carried out. */
  void end(OperatorOrder order, @Nullable String failure, List<PrimaryEffect> effects) {
    if (current == order) {
      current = null;
      effects.add(new PrimaryEffect.OrderEnded(order, failure));
    }
  }

  boolean wantsBackup() {
    return wantsBackup;
  }

  void wantBackup(boolean wanted) {
    wantsBackup = wanted;
  }
}
