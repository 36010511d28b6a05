package dev.lockstep.ft.hosts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lockstep.ft.etcd.EtcdCluster;
import dev.lockstep.ft.etcd.EtcdException;
import dev.lockstep.ft.etcd.EtcdProcess;
import dev.lockstep.ft.etcd.EtcdSession;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/** The table of hosts in a real etcd. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class HostRegistryTest {
  private static final HostedVm STARTING = new HostedVm("web", "primary", "starting", 1 << 29);
  private static final HostedVm PROTECTED = new HostedVm("web", "primary", "protected", 1 << 29);

  @TempDir private Path folder;
  private @Nullable EtcdProcess started;
  private final AtomicReference<HostReport> atA = new AtomicReference<>(report("a", STARTING));
  private final BlockingQueue<String> notes = new LinkedBlockingQueue<>();

  @BeforeEach
  void startEtcd() throws Exception {
    started = EtcdProcess.start(folder);
  }

  @AfterEach
  void stopEtcd() {
    EtcdProcess one = started;
    if (one != null) {
      one.close();
    }
  }

  @Test
  void aProcessIsInTheTableWithItsNewsUntilItLeaves() throws Exception {
    HostRegistry registry = new HostRegistry(cluster());
    try (HostRegistration _ = registry.register(atA::get, notes::add)) {
      try (HostRegistration _ = registry.register(() -> report("b"), notes::add)) {
        await().atMost(30, TimeUnit.SECONDS).until(() -> hosts(registry).size() == 2);
        assertThat(hosts(registry).getFirst())
            .isEqualTo(
                new RegisteredHost(
                    "a", List.of("a:7070"), List.of("a:7072"), 1 << 30, List.of(STARTING)));
        atA.set(report("a", PROTECTED));
        await()
            .atMost(30, TimeUnit.SECONDS)
            .until(() -> hosts(registry).getFirst().vms().equals(List.of(PROTECTED)));
      }
      assertThat(hosts(registry)).extracting(RegisteredHost::name).containsExactly("a");
    }
    assertThat(hosts(registry)).isEmpty();
    assertThat(notes).isEmpty();
  }

  @Test
  void aProcessThatDiesVanishesWithItsLease() throws Exception {
    EtcdCluster cluster = cluster();
    try (EtcdSession session = cluster.open()) {
      long lease = session.grant(2);
      session.write(cluster.key("hosts/dead/1"), json("dead"), lease);
    }
    HostRegistry registry = new HostRegistry(cluster);
    assertThat(hosts(registry)).extracting(RegisteredHost::name).containsExactly("dead");
    await().atMost(60, TimeUnit.SECONDS).until(() -> hosts(registry).isEmpty());
  }

  @Test
  void anEtcdThatWasAwayHasTheProcessAgain() throws Exception {
    EtcdProcess etcd = Objects.requireNonNull(started);
    HostRegistry registry = new HostRegistry(cluster());
    try (HostRegistration _ = registry.register(atA::get, notes::add)) {
      await().atMost(30, TimeUnit.SECONDS).until(() -> hosts(registry).size() == 1);
      etcd.kill();
      assertThat(notes.poll(30, TimeUnit.SECONDS)).contains("not in the registry at present");
      etcd.restart();
      assertThat(notes.poll(60, TimeUnit.SECONDS)).contains("answers again");
      await().atMost(30, TimeUnit.SECONDS).until(() -> hosts(registry).size() == 1);
    }
  }

  @Test
  void rubbishInTheTableIsNamedAndHidesNobody() throws Exception {
    EtcdCluster cluster = cluster();
    try (EtcdSession session = cluster.open()) {
      session.write(
          cluster.key("hosts/good/1"), json("good").replace("{\"host\"", "{\"later\":1,\"host\""));
      session.write(cluster.key("hosts/bad/1"), "rubbish");
      session.write(cluster.key("hosts/bad/2"), "{}");
      session.write(cluster.key("hosts/bad/3"), "{\"host\":\"x\",\"vms\":[null]}");
      session.write(cluster.key("hosts/bad/4"), json("good").replace("\"good\"", "null"));
      session.write(cluster.key("hosts/bad/5"), json("good").replace("\"vms\":[]", "\"vms\":[{}]"));
    }
    HostRegistry.Listing listing = new HostRegistry(cluster).list();
    assertThat(listing.hosts()).extracting(RegisteredHost::name).containsExactly("good");
    assertThat(listing.unreadable())
        .containsExactly(
            cluster.key("hosts/bad/1"),
            cluster.key("hosts/bad/2"),
            cluster.key("hosts/bad/3"),
            cluster.key("hosts/bad/4"),
            cluster.key("hosts/bad/5"));
  }

  private static String json(String host) {
    return new JsonMapper().writeValueAsString(report(host));
  }

  private EtcdCluster cluster() {
    return Objects.requireNonNull(started).cluster();
  }

  private static List<RegisteredHost> hosts(HostRegistry registry) throws EtcdException {
    return registry.list().hosts();
  }

  private static HostReport report(String host, HostedVm... vms) {
    return new HostReport(host, List.of(host + ":7070"), host + ":7072", 1 << 30, List.of(vms));
  }
}
