package dev.lockstep.ft.arbiter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.core.VmId;
import dev.lockstep.ft.etcd.EtcdAddress;
import dev.lockstep.ft.etcd.EtcdCluster;
import dev.lockstep.ft.etcd.EtcdProcess;
import io.etcd.jetcd.Client;
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
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An etcd that is away for long, and one that loses its leader. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class EtcdOutageTest {
  private static final VmId VM = new VmId("vm", 1);
  private static final ReplicaInstance A = new ReplicaInstance("a", 1);
  private static final int MEMBERS = 3;
  private static final int CLAIMANTS = 6;

  /** Questions of an outage; each is two sessions. */
  private static final int QUESTIONS = 100;

  @TempDir private Path folder;

  @Test
  void aLongOutageLeavesNothingBehind() throws Exception {
    try (EtcdProcess etcd = EtcdProcess.start(folder)) {
      // One half of the members is stopped and takes connections all the same, the other refuses.
      etcd.pause();
      EtcdArbiter arbiter =
          new EtcdArbiter(
              new EtcdCluster(
                  EtcdAddress.parse("etcd://127.0.0.1:1,%s".formatted(etcd.endpoint())), 20));
      ask(arbiter, 10);
      long descriptors = descriptors();
      long threads = threads();
      ask(arbiter, QUESTIONS);
      // gRPC keeps its shared threads for a second after the last channel has closed.
      Awaitility.await()
          .atMost(30, TimeUnit.SECONDS)
          .untilAsserted(() -> {
            assertThat(descriptors()).as("descriptors").isLessThanOrEqualTo(descriptors + 2);
            assertThat(threads()).as("threads").isLessThanOrEqualTo(threads);
          });
      etcd.resume();
      etcd.awaitReady();
      assertThat(new EtcdArbiter(etcd.cluster()).claim(new DecisionName(VM, 1), A)).isEqualTo(A);
    }
  }

  @Test
  @Tag("long")
  void aClusterThatLosesItsLeaderHasOneWinnerForEachName() throws Exception {
    List<EtcdProcess> members = EtcdProcess.startCluster(folder, MEMBERS);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      EtcdCluster cluster =
          new EtcdCluster(
              EtcdAddress.parse(
                  EtcdAddress.SCHEME
                      + members.stream()
                          .map(EtcdProcess::endpoint)
                          .collect(Collectors.joining(","))));
      int lost = 0;
      for (int epoch = 1; epoch <= 12; epoch++) {
        DecisionName name = new DecisionName(VM, epoch);
        List<Callable<ReplicaInstance>> claims = new ArrayList<>();
        for (int i = 0; i < CLAIMANTS; i++) {
          ReplicaInstance claimant = new ReplicaInstance("r" + i, i);
          claims.add(() -> untilAnswered(new EtcdArbiter(cluster), name, claimant));
        }
        List<Future<ReplicaInstance>> asked = claims.stream().map(threads::submit).toList();
        if (epoch % 4 == 0) {
          EtcdProcess leader = leader(members);
          leader.kill();
          lost++;
          leader.restart();
        }
        Set<ReplicaInstance> winners = new HashSet<>();
        for (Future<ReplicaInstance> claim : asked) {
          winners.add(claim.get());
        }
        assertThat(winners).as("winners of epoch %d", epoch).hasSize(1);
      }
      assertThat(lost).isEqualTo(3);
    } finally {
      members.forEach(EtcdProcess::close);
    }
  }

  private static EtcdProcess leader(List<EtcdProcess> members) throws Exception {
    for (EtcdProcess member : members) {
      String endpoint = "http://" + member.endpoint();
      try (Client client = Client.builder().endpoints(endpoint).waitForReady(true).build()) {
        var status = client.getMaintenanceClient().statusMember(endpoint).get(20, TimeUnit.SECONDS);
        if (status.getLeader() == status.getHeader().getMemberId()) {
          return member;
        }
      }
    }
    return members.getFirst();
  }

  private static ReplicaInstance untilAnswered(
      Arbiter arbiter, DecisionName name, ReplicaInstance claimant) throws InterruptedException {
    while (true) {
      try {
        return arbiter.claim(name, claimant);
      } catch (ArbiterUnavailableException e) {
        Thread.sleep(20);
      }
    }
  }

  private static void ask(EtcdArbiter arbiter, int times) {
    for (int i = 0; i < times; i++) {
      assertThatThrownBy(() -> arbiter.claim(new DecisionName(VM, 1), A))
          .isInstanceOf(ArbiterUnavailableException.class);
    }
  }

  private static long descriptors() throws Exception {
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      return open.count();
    }
  }

  private static long threads() {
    return Thread.getAllStackTraces().keySet().stream().filter(Thread::isAlive).count();
  }
}
