package dev.lockstep.ft.core;

/**
 * The name under which an arbiter records, once and for ever, which of the two replicas of {@code epoch} goes on after they lost each other. The winner
 * runs as the primary of epoch + 1; the loser stops.
 *
 * @param vm the VM and its incarnation
 * @param epoch the epoch that ends; positive
 */
public record DecisionName(VmId vm, long epoch) {
  public DecisionName {
    if (epoch < 1) {
      throw new IllegalArgumentException(
          "epoch " + epoch + " cannot end: epochs of pairs start at 1");
    }
  }
}
