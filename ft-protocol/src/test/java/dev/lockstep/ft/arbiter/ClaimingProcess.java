package dev.lockstep.ft.arbiter;

import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.core.VmId;
import dev.lockstep.ft.etcd.EtcdAddress;
import dev.lockstep.ft.etcd.EtcdCluster;

/** Claims a few names from a process of its own and prints whose they are. */
final class ClaimingProcess {
  private static final int NAMES = 20;

  private ClaimingProcess() {}

  /**
   * @param args etcd's address, and the claimant's name
   */
  public static void main(String[] args) {
    Arbiter arbiter = new EtcdArbiter(new EtcdCluster(EtcdAddress.parse(args[0])));
    ReplicaInstance claimant = new ReplicaInstance(args[1], args[1].hashCode());
    StringBuilder winners = new StringBuilder();
    for (int epoch = 1; epoch <= NAMES; epoch++) {
      winners
          .append(untilAnswered(arbiter, new DecisionName(new VmId("one", 1), epoch), claimant))
          .append('\n');
    }
    System.out.print(winners);
  }

  /** A virtual machine that has just started may not be answered in time. */
  private static ReplicaInstance untilAnswered(
      Arbiter arbiter, DecisionName name, ReplicaInstance claimant) {
    while (true) {
      try {
        return arbiter.claim(name, claimant);
      } catch (ArbiterUnavailableException e) {
        // As a replica does, it asks again.
      }
    }
  }
}
