package dev.lockstep.ft.arbiter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.core.VmId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** What every arbiter keeps: one name, one winner, for ever. */
abstract class ArbiterContract {
  static final VmId VM = new VmId("web/1 ü", 0x1234);
  static final ReplicaInstance A = new ReplicaInstance("host-a", 1);
  static final ReplicaInstance B = new ReplicaInstance("host-b ü", 2);

  private static final int NAMES = 25;
  private static final int CLAIMANTS = 8;

  /** One more arbiter over the same store. */
  abstract Arbiter another();

  /** An arbiter over another store. */
  abstract Arbiter elsewhere() throws Exception;

  @Test
  void theFirstClaimWinsAndStays() throws ArbiterUnavailableException {
    Arbiter one = another();
    Arbiter other = another();
    DecisionName name = new DecisionName(VM, 1);
    assertThat(one.claim(name, A)).isEqualTo(A);
    assertThat(other.claim(name, B)).isEqualTo(A);
    assertThat(one.claim(name, A)).isEqualTo(A);
    assertThat(one.claim(name, new ReplicaInstance(A.name(), 3))).as("another life").isEqualTo(A);
  }

  @Test
  void epochsIncarnationsAndVmsAreDecidedApart() throws ArbiterUnavailableException {
    Arbiter arbiter = another();
    arbiter.claim(new DecisionName(VM, 1), A);
    assertThat(arbiter.claim(new DecisionName(VM, 2), B)).isEqualTo(B);
    assertThat(arbiter.claim(new DecisionName(VM, 11), B)).isEqualTo(B);
    assertThat(arbiter.claim(new DecisionName(new VmId("web/1 ü", 0x1235), 1), B)).isEqualTo(B);
    assertThat(arbiter.claim(new DecisionName(new VmId("web_2f_1 ü", 0x1234), 1), B)).isEqualTo(B);
  }

  @Test
  void manyClaimsAtOnceHaveOneWinner() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int epoch = 1; epoch <= NAMES; epoch++) {
        DecisionName name = new DecisionName(VM, epoch);
        List<Callable<ReplicaInstance>> claims = new ArrayList<>();
        for (int i = 0; i < CLAIMANTS; i++) {
          ReplicaInstance claimant = new ReplicaInstance("r" + i, i);
          claims.add(() -> another().claim(name, claimant));
        }
        Set<ReplicaInstance> winners = new HashSet<>();
        for (Future<ReplicaInstance> claim : threads.invokeAll(claims)) {
          winners.add(claim.get());
        }
        assertThat(winners).as("winners of epoch %d", epoch).hasSize(1);
        ReplicaInstance winner = winners.iterator().next();
        assertThat(another().claim(name, winner)).as("the winner, again").isEqualTo(winner);
        assertThat(another().claim(name, B)).as("a latecomer").isEqualTo(winner);
      }
    }
  }

  @Test
  void aNonceShowsInTheSameStoreOnly() throws Exception {
    another().publish("join-1", 42);
    assertThat(another().shows("join-1", 42)).isTrue();
    assertThat(another().shows("join-1", 43)).isFalse();
    assertThat(another().shows("join-2", 42)).isFalse();
    assertThat(elsewhere().shows("join-1", 42)).isFalse();
  }
}
