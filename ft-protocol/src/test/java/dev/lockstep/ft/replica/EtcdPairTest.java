package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.arbiter.EtcdArbiter;
import dev.lockstep.ft.etcd.EtcdAddress;
import dev.lockstep.ft.etcd.EtcdCluster;
import dev.lockstep.ft.etcd.EtcdProcess;
import dev.lockstep.ft.net.CuttableLink;
import dev.lockstep.vmm.config.ReplicationConfig;
import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Guests;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two replicas whose failovers a real etcd decides, also one that is away at that moment. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class EtcdPairTest {
  private static final int SOME_BYTES = 60;

  @TempDir Path folder = Path.of("unset");
  private @Nullable EtcdProcess started;
  private final Outside outside = new Outside();
  private final Watching atA = new Watching("a");
  private final Watching atB = new Watching("b");

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
  void etcdDecidesForTheBackupOfADeadPrimary() throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    try (Replica b = backup(guest, null)) {
      Replica a = primary(guest, b.listenAddress());
      atA.await("PROTECTED");
      outside.await(SOME_BYTES, 60);
      a.close();
      atB.await("LIVE");
      outside.await(outside.size() + SOME_BYTES, 60);
      assertThat(outside.violation()).isEmpty();
    }
  }

  @Test
  void withoutAnAnswerNobodyGoesLiveAndThenExactlyOne() throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    EtcdProcess etcd = Objects.requireNonNull(started);
    try (Replica a = primary(guest, null);
        CuttableLink link = new CuttableLink("127.0.0.1:" + a.listenAddress().getPort());
        Replica b = backup(guest, address(link.address()))) {
      atA.await("PROTECTED");
      outside.await(SOME_BYTES, 60);
      etcd.pause();
      link.cut();
      atA.await("ARBITRATING");
      atB.await("ARBITRATING");
      await()
          .atMost(60, TimeUnit.SECONDS)
          .until(() -> says(atA, "cannot be reached") && says(atB, "cannot be reached"));
      int held = outside.size();
      assertThat(List.of(a.status().phase(), b.status().phase())).containsOnly("ARBITRATING");
      etcd.resume();
      await().atMost(60, TimeUnit.SECONDS).until(() -> decided(a, b));
      outside.await(held + SOME_BYTES, 60);
      assertThat(outside.violation()).isEmpty();
    }
  }

  @Test
  void aPairWithTwoPrefixesIsFoundOut() throws Exception {
    GuestLoader guest = Guests.clockwork(8);
    try (Replica b = backup(guest, null);
        Replica a =
            Replica.primary(
                new TinySource(guest),
                settings("a", b.listenAddress()),
                arbiter("/elsewhere"),
                outside.of("a"),
                atA)) {
      assertThatThrownBy(() -> a.ended().get(60, TimeUnit.SECONDS))
          .hasMessageContaining("does not find in its arbiter")
          .hasMessageContaining(Objects.requireNonNull(started).endpoint());
    }
  }

  /** Exactly one is the primary, and the other has stopped or waits as nobody's backup. */
  private static boolean decided(Replica a, Replica b) {
    boolean primaryWon = a.status().phase().equals("NOT_PROTECTED");
    boolean backupWon = b.status().role() == ReplicaStatus.Role.PRIMARY;
    assertThat(primaryWon && backupWon).as("two primaries").isFalse();
    return primaryWon && !b.status().phase().equals("ARBITRATING")
        || backupWon && a.ended().isDone();
  }

  private static boolean says(Watching watching, String text) {
    return watching.notes().stream().anyMatch(note -> note.contains(text));
  }

  private static InetSocketAddress address(String text) {
    return new InetSocketAddress(
        "127.0.0.1", Integer.parseInt(text.substring(text.lastIndexOf(':') + 1)));
  }

  private Replica primary(GuestLoader guest, @Nullable InetSocketAddress peer) {
    return Replica.primary(
        new TinySource(guest), settings("a", peer), arbiter(""), outside.of("a"), atA);
  }

  private Replica backup(GuestLoader guest, @Nullable InetSocketAddress peer) {
    return Replica.backup(
        new TinySource(guest), settings("b", peer), arbiter(""), outside.of("b"), atB);
  }

  private Arbiter arbiter(String prefix) {
    String address = Objects.requireNonNull(started).address() + prefix;
    return new EtcdArbiter(new EtcdCluster(EtcdAddress.parse(address)));
  }

  private ReplicaSettings settings(String name, @Nullable InetSocketAddress peer) {
    return ReplicaSettings.builder(name, folder.resolve(name), ReplicationConfig.defaults())
        .peer(peer)
        .build();
  }
}
