package dev.lockstep.ft.arbiter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.etcd.CuttingProxy;
import dev.lockstep.ft.etcd.EtcdAddress;
import dev.lockstep.ft.etcd.EtcdCluster;
import dev.lockstep.ft.etcd.EtcdException;
import dev.lockstep.ft.etcd.EtcdProcess;
import dev.lockstep.ft.etcd.EtcdSession;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The contract over a real etcd, and what can happen between a question and its answer. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class EtcdArbiterTest extends ArbiterContract {
  private static final int CLAIMING_PROCESSES = 3;

  @TempDir private static Path folder;
  private static @Nullable EtcdProcess started;
  private static int tests;

  private EtcdCluster cluster = new EtcdCluster(EtcdAddress.parse("etcd://unset"));

  @BeforeAll
  static void startEtcd() throws Exception {
    started = EtcdProcess.start(folder);
  }

  @AfterAll
  static void stopEtcd() {
    EtcdProcess one = started;
    if (one != null) {
      one.close();
    }
  }

  private static EtcdProcess etcd() {
    return Objects.requireNonNull(started);
  }

  /** Each test has a prefix of its own in the one store. */
  @BeforeEach
  void ownPrefix() {
    cluster = new EtcdCluster(EtcdAddress.parse("%s/test/%d".formatted(etcd().address(), ++tests)));
  }

  @Override
  Arbiter another() {
    return new EtcdArbiter(cluster);
  }

  @Override
  Arbiter elsewhere() {
    return new EtcdArbiter(new EtcdCluster(EtcdAddress.parse(etcd().address() + "/apart")));
  }

  @Test
  void processesThatClaimOneNameHaveOneWinner() throws Exception {
    List<Process> claimants = new ArrayList<>();
    for (int i = 0; i < CLAIMING_PROCESSES; i++) {
      claimants.add(
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-cp",
                  System.getProperty("java.class.path"),
                  ClaimingProcess.class.getName(),
                  cluster.address().toString(),
                  "r" + i)
              .redirectError(new File("/dev/null"))
              .start());
    }
    Set<String> winners = new HashSet<>();
    for (Process claimant : claimants) {
      winners.add(new String(claimant.getInputStream().readAllBytes()));
      assertThat(claimant.waitFor()).isZero();
    }
    assertThat(winners).hasSize(1);
    assertThat(winners.iterator().next()).startsWith("r");
  }

  @Test
  void aLostAnswerIsReadAgain() throws Exception {
    try (CuttingProxy proxy = new CuttingProxy(etcd().clientPort())) {
      Arbiter through = through(proxy);
      DecisionName name = new DecisionName(VM, 1);
      proxy.loseAnswers(1, () -> {});
      assertThat(through.claim(name, A)).isEqualTo(A);
      assertThat(proxy.answersLeft()).as("the answer was lost").isZero();
      assertThat(direct(proxy).claim(name, B)).isEqualTo(A);
      DecisionName next = new DecisionName(VM, 2);
      direct(proxy).claim(next, B);
      proxy.loseAnswers(1, () -> {});
      assertThat(through.claim(next, A)).as("the loser's answer is lost").isEqualTo(B);
      assertThat(proxy.answersLeft()).isZero();
    }
  }

  @Test
  void withoutAnyAnswerNothingIsKnownAndTheClaimIsRepeated() throws Exception {
    try (CuttingProxy proxy = new CuttingProxy(etcd().clientPort())) {
      Arbiter through = through(proxy);
      DecisionName name = new DecisionName(VM, 1);
      proxy.loseAnswers(2, () -> {});
      assertThatThrownBy(() -> through.claim(name, A))
          .isInstanceOf(ArbiterUnavailableException.class);
      assertThat(proxy.answersLeft()).isZero();
      assertThat(direct(proxy).claim(name, B)).as("it was written all the same").isEqualTo(A);
      assertThat(through.claim(name, A)).isEqualTo(A);
    }
  }

  @Test
  void aLostRequestDecidesNothing() throws Exception {
    try (CuttingProxy proxy = new CuttingProxy(etcd().clientPort())) {
      Arbiter through = through(proxy);
      DecisionName name = new DecisionName(VM, 1);
      proxy.loseRequests(1);
      assertThatThrownBy(() -> through.claim(name, A))
          .as("absent when it was read again")
          .isInstanceOf(ArbiterUnavailableException.class);
      assertThat(direct(proxy).claim(name, B)).isEqualTo(B);
      assertThat(through.claim(name, A)).isEqualTo(B);
    }
  }

  @Test
  void anEtcdKilledBetweenRequestAndAnswerTellsTheTruthWhenItIsBack() throws Exception {
    try (EtcdProcess own = EtcdProcess.start(folder);
        CuttingProxy proxy = new CuttingProxy(own.clientPort())) {
      Arbiter through = through(proxy);
      DecisionName name = new DecisionName(VM, 1);
      proxy.loseAnswers(
          1,
          () -> {
            own.kill();
            own.restart();
          });
      assertThat(claimUntilAnswered(through, name, A)).isEqualTo(A);
      assertThat(proxy.answersLeft()).isZero();
      assertThat(claimUntilAnswered(direct(own, proxy), name, B)).isEqualTo(A);
    }
  }

  @Test
  void oneMemberOfManyIsEnoughToAskAndADeadOneDoesNotMatter() throws Exception {
    EtcdCluster several =
        new EtcdCluster(
            EtcdAddress.parse("etcd://127.0.0.1:1,%s,127.0.0.1:2".formatted(etcd().endpoint())));
    for (int epoch = 1; epoch <= 5; epoch++) {
      DecisionName name = new DecisionName(VM, epoch);
      assertThat(new EtcdArbiter(several).claim(name, A)).isEqualTo(A);
    }
  }

  @Test
  void whoeverIsNotThereIsNamedInTime() {
    EtcdArbiter nobody =
        new EtcdArbiter(new EtcdCluster(EtcdAddress.parse("etcd://127.0.0.1:1"), 200));
    assertThatThrownBy(() -> nobody.claim(new DecisionName(VM, 1), A))
        .isInstanceOf(ArbiterUnavailableException.class)
        .hasMessageContaining("etcd://127.0.0.1:1")
        .hasMessageContaining("200 ms");
    assertThatThrownBy(() -> nobody.publish("join", 1))
        .isInstanceOf(ArbiterUnavailableException.class);
    assertThatThrownBy(() -> nobody.shows("join", 1))
        .isInstanceOf(ArbiterUnavailableException.class);
  }

  @Test
  void aKeyThatIsNoDecisionDecidesNothing() throws Exception {
    Arbiter arbiter = another();
    DecisionName name = new DecisionName(VM, 1);
    arbiter.claim(name, A);
    overwriteAll("rubbish");
    assertThatThrownBy(() -> arbiter.claim(name, B))
        .isInstanceOf(ArbiterUnavailableException.class)
        .hasMessageContaining("holds no decision");
  }

  private void overwriteAll(String value) throws EtcdException {
    try (EtcdSession session = cluster.open()) {
      for (String key : session.list(cluster.key("decisions/"), 10).keySet()) {
        session.write(key, value);
      }
    }
  }

  /** Through the proxy, in the proxy's own corner of the store. */
  private static Arbiter through(CuttingProxy proxy) {
    return new EtcdArbiter(own(proxy.cluster().address()));
  }

  private static Arbiter direct(CuttingProxy proxy) {
    return direct(etcd(), proxy);
  }

  private static Arbiter direct(EtcdProcess store, CuttingProxy proxy) {
    String prefix = own(proxy.cluster().address()).address().prefix();
    return new EtcdArbiter(new EtcdCluster(new EtcdAddress(List.of(store.endpoint()), prefix)));
  }

  private static EtcdCluster own(EtcdAddress proxied) {
    String port = proxied.endpoints().getFirst().replaceAll(".*:", "");
    return new EtcdCluster(new EtcdAddress(proxied.endpoints(), "proxied/" + port));
  }

  private static ReplicaInstance claimUntilAnswered(
      Arbiter arbiter, DecisionName name, ReplicaInstance claimant) throws InterruptedException {
    while (true) {
      try {
        return arbiter.claim(name, claimant);
      } catch (ArbiterUnavailableException e) {
        // It is on its way up; the test's timeout bounds this.
        Thread.sleep(20);
      }
    }
  }
}
