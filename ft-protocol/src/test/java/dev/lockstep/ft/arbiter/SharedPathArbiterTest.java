package dev.lockstep.ft.arbiter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.core.VmId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One name, one winner, for ever. */
final class SharedPathArbiterTest {
  private static final VmId VM = new VmId("web/1 ü", 0x1234);
  private static final ReplicaInstance A = new ReplicaInstance("host-a", 1);
  private static final ReplicaInstance B = new ReplicaInstance("host-b", 2);

  @TempDir private Path folder;

  @Test
  void theFirstClaimWinsAndStays() throws ArbiterUnavailableException {
    Arbiter one = new SharedPathArbiter(folder);
    Arbiter other = new SharedPathArbiter(folder);
    DecisionName name = new DecisionName(VM, 1);
    assertThat(one.claim(name, A)).isEqualTo(A);
    assertThat(other.claim(name, B)).isEqualTo(A);
    assertThat(one.claim(name, A)).isEqualTo(A);
  }

  @Test
  void epochsIncarnationsAndVmsAreDecidedApart() throws ArbiterUnavailableException {
    Arbiter arbiter = new SharedPathArbiter(folder);
    arbiter.claim(new DecisionName(VM, 1), A);
    assertThat(arbiter.claim(new DecisionName(VM, 2), B)).isEqualTo(B);
    assertThat(arbiter.claim(new DecisionName(new VmId("web/1 ü", 0x1235), 1), B)).isEqualTo(B);
    assertThat(arbiter.claim(new DecisionName(new VmId("web_2f_1 ü", 0x1234), 1), B)).isEqualTo(B);
  }

  @Test
  void manyClaimsAtOnceHaveOneWinner() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int epoch = 1; epoch <= 50; epoch++) {
        DecisionName name = new DecisionName(VM, epoch);
        List<Callable<ReplicaInstance>> claims = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
          ReplicaInstance claimant = new ReplicaInstance("r" + i, i);
          claims.add(() -> new SharedPathArbiter(folder).claim(name, claimant));
        }
        Set<ReplicaInstance> winners = new HashSet<>();
        for (Future<ReplicaInstance> claim : threads.invokeAll(claims)) {
          winners.add(claim.get());
        }
        assertThat(winners).as("winners of epoch %d", epoch).hasSize(1);
      }
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.filter(file -> file.getFileName().toString().startsWith(".draft")))
          .as("drafts left behind")
          .isEmpty();
    }
  }

  @Test
  void aDamagedDecisionIsNoDecision() throws Exception {
    Arbiter arbiter = new SharedPathArbiter(folder);
    DecisionName name = new DecisionName(VM, 7);
    arbiter.claim(name, A);
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.writeString(file, Files.readString(file).substring(0, 25));
      }
    }
    assertThatThrownBy(() -> arbiter.claim(name, B))
        .isInstanceOf(ArbiterUnavailableException.class);
  }

  @Test
  void aNonceShowsInTheSameFolderOnly(@TempDir Path another) throws ArbiterUnavailableException {
    new SharedPathArbiter(folder).publish("join-1", 42);
    assertThat(new SharedPathArbiter(folder).shows("join-1", 42)).isTrue();
    assertThat(new SharedPathArbiter(folder).shows("join-1", 43)).isFalse();
    assertThat(new SharedPathArbiter(another).shows("join-1", 42)).isFalse();
  }

  @Test
  void aFolderThatCannotBeMadeIsRefused() throws Exception {
    Path file = Files.writeString(folder.resolve("file"), "x");
    assertThatThrownBy(() -> new SharedPathArbiter(file.resolve("below")))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("below");
  }

  @Test
  void aFolderThatVanishedDecidesNothing() throws Exception {
    Path gone = Files.createDirectory(folder.resolve("gone"));
    Arbiter arbiter = new SharedPathArbiter(gone);
    Files.delete(gone);
    assertThatThrownBy(() -> arbiter.claim(new DecisionName(VM, 1), A))
        .isInstanceOf(ArbiterUnavailableException.class);
  }
}
