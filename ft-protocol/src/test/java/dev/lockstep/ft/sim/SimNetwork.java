package dev.lockstep.ft.sim;

import dev.lockstep.ft.core.Message;
import java.util.HashSet;
import java.util.Set;

/** Carries messages between replicas: with delay, and as the seed's faults say with loss, duplication, reordering, stale copies, and cut directions. */
final class SimNetwork {
  private final Simulation simulation;
  private final Set<String> cut = new HashSet<>();

  SimNetwork(Simulation simulation) {
    this.simulation = simulation;
  }

  void cut(SimReplica from, SimReplica to) {
    cut.add(direction(from, to));
  }

  void heal() {
    cut.clear();
  }

  void heal(SimReplica from, SimReplica to) {
    cut.remove(direction(from, to));
  }

  boolean isCut(SimReplica from, SimReplica to) {
    return cut.contains(direction(from, to));
  }

  void send(SimReplica from, SimReplica to, Message message) {
    FaultPlan faults = simulation.faults();
    if (!isCut(from, to) && !simulation.chance(faults.loss())) {
      deliver(to, message, delayNanos(faults));
    }
    if (simulation.chance(faults.duplication())) {
      deliver(to, message, delayNanos(faults));
    }
    if (simulation.chance(faults.staleCopies())) {
      // A copy that a broken router kept for longer than a failover and a re-protection take.
      deliver(to, message, simulation.between(20_000_000, 400_000_000));
    }
  }

  private void deliver(SimReplica to, Message message, long delay) {
    simulation.after(delay, () -> to.arrived(message));
  }

  private long delayNanos(FaultPlan faults) {
    long jitter = simulation.chance(0.05) ? faults.rareDelayNanos() : faults.delayNanos();
    return simulation.between(20_000, 20_001 + jitter);
  }

  private static String direction(SimReplica from, SimReplica to) {
    return from.name + ">" + to.name;
  }
}
