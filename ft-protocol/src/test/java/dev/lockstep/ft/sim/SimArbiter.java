package dev.lockstep.ft.sim;

import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.ReplicaInstance;
import java.util.HashMap;
import java.util.Map;

/** Names written once. Requests and answers are delayed and lost; a lost answer leaves the asker not knowing whether its name was written. */
final class SimArbiter {
  private final Simulation simulation;
  private final Map<DecisionName, ReplicaInstance> written = new HashMap<>();

  SimArbiter(Simulation simulation) {
    this.simulation = simulation;
  }

  void claim(SimReplica asker, DecisionName name, ReplicaInstance candidate) {
    if (unreachable(asker)) {
      return;
    }
    simulation.after(
        delayNanos(),
        () -> {
          ReplicaInstance winner = written.putIfAbsent(name, candidate);
          ReplicaInstance answer = winner == null ? candidate : winner;
          if (!unreachable(asker)) {
            asker.after(delayNanos(), () -> asker.decisionKnown(name, answer));
          }
        });
  }

  private boolean unreachable(SimReplica asker) {
    return asker.arbiterCut || simulation.chance(simulation.faults().arbiterLoss());
  }

  private long delayNanos() {
    return simulation.between(100_000, simulation.chance(0.1) ? 30_000_000 : 2_000_000);
  }
}
